import { MARKER_NAMES, MARKER_SIZES } from './msgpack-markers.ts';
import { ValueError } from './value-error.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const SHORT_STRING = 16;
const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
const NOTHING = new Uint8Array(0);

/**
 * Reads MessagePack values from a range of bytes. It never reads beyond the range, and allocates for
 * a collection or a text only what the bytes that are there can fill.
 */
export class MsgpackReader {
  #bytes: Uint8Array = NOTHING;
  #view: DataView = new DataView(NOTHING.buffer);
  #position = 0;
  #end = 0;

  constructor(bytes?: Uint8Array) {
    if (bytes !== undefined) this.reset(bytes);
  }

  /** Starts over at a range of `bytes`; the same reader may be used for one value after another. */
  reset(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.#position = start;
    this.#end = end;
  }

  /** Where the next value starts. */
  get position(): number {
    return this.#position;
  }

  /** Whether the next value is nil. */
  isNil(): boolean {
    return this.#position < this.#end && this.#bytes[this.#position] === 0xc0;
  }

  /** Whether the next value is text. */
  isString(): boolean {
    const marker = this.#bytes[this.#position] ?? 0xc1;
    return this.#position < this.#end && (marker >> 5 === 5 || (marker >= 0xd9 && marker <= 0xdb));
  }

  /** Whether the next value is a map. */
  isMap(): boolean {
    const marker = this.#bytes[this.#position] ?? 0xc1;
    return this.#position < this.#end && (marker >> 4 === 8 || marker === 0xde || marker === 0xdf);
  }

  readNil(): void {
    if (!this.isNil()) this.#mismatch('nil');
    this.#position += 1;
  }

  readBoolean(): boolean {
    const marker = this.#position < this.#end ? this.#bytes[this.#position] : undefined;
    if (marker !== 0xc2 && marker !== 0xc3) this.#mismatch('boolean');
    this.#position += 1;
    return marker === 0xc3;
  }

  readFloat64(): number {
    const start = this.#position;
    if (start + 9 <= this.#end && this.#bytes[start] === 0xcb) {
      this.#position = start + 9;
      return this.#view.getFloat64(start + 1);
    }
    return this.#readNumber('float64');
  }

  readFloat32(): number {
    const start = this.#position;
    if (start + 5 <= this.#end && this.#bytes[start] === 0xca) {
      this.#position = start + 5;
      return this.#view.getFloat32(start + 1);
    }
    return Math.fround(this.#readNumber('float32'));
  }

  /** Reads an integer from `min` to `max`, which are safe integers. `expected` names the type. */
  readInt(min: number, max: number, expected: string): number {
    const value = this.#readInteger(expected);
    if (typeof value === 'bigint' || value < min || value > max) {
      throw new ValueError(`expected ${expected} (${min}…${max}), got ${value}`);
    }
    return value;
  }

  readInt64(): bigint {
    const value = this.#readInteger('int64');
    if (typeof value === 'number') return BigInt(value);
    if (value > INT64_MAX)
      throw new ValueError(`expected int64 (up to ${INT64_MAX}), got ${value}`);
    return value;
  }

  /** @param expected names what is read in an error. */
  readUint64(expected = 'uint64'): bigint {
    const value = this.#readInteger(expected);
    if (value < 0) throw new ValueError(`expected ${expected} (0…2^64−1), got ${value}`);
    return BigInt(value);
  }

  /** Reads text, or a binary that is valid UTF-8. */
  readString(): string {
    const length = this.#readStringLength();
    const start = this.#position;
    this.#position += length;
    if (length <= SHORT_STRING) {
      const text = this.#ascii(start, this.#position);
      if (text !== undefined) return text;
    }
    try {
      return decoder.decode(this.#bytes.subarray(start, this.#position));
    } catch {
      throw new ValueError('expected string, got bytes that are no UTF-8');
    }
  }

  /** Reads a binary, or an array of integers from 0 to 255. The result is a copy. */
  readBytes(): Uint8Array {
    const marker = this.#marker('bytes');
    if (marker >= 0xc4 && marker <= 0xc6) {
      const length = this.#readSize(1 << (marker - 0xc4), 'bytes', 1);
      this.#position += length;
      // Not slice(): that of a Buffer copies nothing.
      return new Uint8Array(this.#bytes.subarray(this.#position - length, this.#position));
    }
    const count = this.readArrayHeader('bytes');
    const result = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const byte = this.#position < this.#end ? (this.#bytes[this.#position] ?? 0xc1) : 0xc1;
      if (byte < 0x80) {
        result[i] = byte;
        this.#position += 1;
      } else {
        result[i] = this.readInt(0, 255, 'byte');
      }
    }
    return result;
  }

  /** Reads how many values follow as elements of an array. `expected` names the type. */
  readArrayHeader(expected = 'array'): number {
    const marker = this.#marker(expected);
    if (marker >> 4 === 9) {
      this.#position += 1;
      return this.#checkCount(marker & 0x0f, 1, expected);
    }
    if (marker === 0xdc) return this.#readSize(2, expected, 1);
    if (marker === 0xdd) return this.#readSize(4, expected, 1);
    return this.#mismatch(expected);
  }

  /** Reads how many pairs of key and value follow as entries of a map. `expected` names the type. */
  readMapHeader(expected = 'map'): number {
    const marker = this.#marker(expected);
    if (marker >> 4 === 8) {
      this.#position += 1;
      return this.#checkCount(marker & 0x0f, 2, expected);
    }
    if (marker === 0xde) return this.#readSize(2, expected, 2);
    if (marker === 0xdf) return this.#readSize(4, expected, 2);
    return this.#mismatch(expected);
  }

  /** Passes over one value, however deep. */
  skipValue(): void {
    let open = 1;
    while (open > 0) {
      open += this.#skipOne() - 1;
    }
  }

  /** Passes over one scalar or header, and answers how many values follow as its contents. */
  #skipOne(): number {
    const marker = this.#marker('value');
    if (marker >> 4 === 9 || marker === 0xdc || marker === 0xdd) return this.readArrayHeader();
    if (this.isMap()) return this.readMapHeader() * 2;
    if (this.isString()) {
      this.#take(this.#readStringLength());
      return 0;
    }
    if (marker >= 0xc4 && marker <= 0xc6) {
      this.#take(this.#readSize(1 << (marker - 0xc4), 'value', 1));
      return 0;
    }
    if (marker >= 0xc7 && marker <= 0xc9) {
      const length = this.#readSize(1 << (marker - 0xc7), 'value', 1);
      this.#take(length + 1);
      return 0;
    }
    const size = marker < 0x80 || marker >= 0xe0 ? 1 : MARKER_SIZES[marker];
    if (size === undefined) this.#mismatch('value');
    this.#take(size);
    return 0;
  }

  /** Text of ASCII only, for which a decoder costs more than the text itself. */
  #ascii(start: number, end: number): string | undefined {
    let text = '';
    for (let i = start; i < end; i++) {
      const byte = this.#bytes[i] ?? 0x80;
      if (byte >= 0x80) return undefined;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #readStringLength(): number {
    const marker = this.#marker('string');
    if (marker >> 5 === 5) {
      this.#position += 1;
      return this.#checkCount(marker & 0x1f, 1, 'string');
    }
    if (marker >= 0xd9 && marker <= 0xdb) return this.#readSize(1 << (marker - 0xd9), 'string', 1);
    if (marker >= 0xc4 && marker <= 0xc6) return this.#readSize(1 << (marker - 0xc4), 'string', 1);
    return this.#mismatch('string');
  }

  /** Reads a size of `width` bytes after the marker. */
  #readSize(width: number, expected: string, itemBytesMin: number): number {
    const start = this.#take(1 + width) + 1;
    if (width === 1) return this.#checkCount(this.#view.getUint8(start), itemBytesMin, expected);
    if (width === 2) return this.#checkCount(this.#view.getUint16(start), itemBytesMin, expected);
    return this.#checkCount(this.#view.getUint32(start), itemBytesMin, expected);
  }

  /** Refuses a count that the bytes that are there cannot fill, before anything is allocated. */
  #checkCount(count: number, itemBytesMin: number, expected: string): number {
    if (count * itemBytesMin > this.#end - this.#position) {
      throw new ValueError(
        `expected ${expected} of ${count}, got only ${this.#end - this.#position} bytes`,
      );
    }
    return count;
  }

  /** A number of any form as the nearest double. */
  #readNumber(expected: string): number {
    const marker = this.#marker(expected);
    if (marker === 0xca) return this.#view.getFloat32(this.#take(5) + 1);
    if (marker === 0xcb) return this.#view.getFloat64(this.#take(9) + 1);
    return Number(this.#readInteger(expected));
  }

  /** An integer of any form: a number where that is exact, else a bigint. */
  #readInteger(expected: string): number | bigint {
    const marker = this.#marker(expected);
    if (marker < 0x80) {
      this.#position += 1;
      return marker;
    }
    if (marker >= 0xe0) {
      this.#position += 1;
      return marker - 0x100;
    }
    switch (marker) {
      case 0xcc:
        return this.#view.getUint8(this.#take(2) + 1);
      case 0xcd:
        return this.#view.getUint16(this.#take(3) + 1);
      case 0xce:
        return this.#view.getUint32(this.#take(5) + 1);
      case 0xcf:
        return narrow(this.#view.getBigUint64(this.#take(9) + 1));
      case 0xd0:
        return this.#view.getInt8(this.#take(2) + 1);
      case 0xd1:
        return this.#view.getInt16(this.#take(3) + 1);
      case 0xd2:
        return this.#view.getInt32(this.#take(5) + 1);
      case 0xd3:
        return narrow(this.#view.getBigInt64(this.#take(9) + 1));
      default:
        return this.#mismatch(expected);
    }
  }

  /** Looks at the next marker. */
  #marker(expected: string): number {
    const marker = this.#position < this.#end ? this.#bytes[this.#position] : undefined;
    return marker ?? this.#mismatch(expected);
  }

  /** Moves over `count` bytes and answers where they start. */
  #take(count: number): number {
    const start = this.#position;
    if (start + count > this.#end) throw new ValueError('the value ends too early');
    this.#position = start + count;
    return start;
  }

  #mismatch(expected: string): never {
    throw new ValueError(`expected ${expected}, got ${this.#describeNext()}`);
  }

  #describeNext(): string {
    const marker = this.#bytes[this.#position];
    if (marker === undefined || this.#position >= this.#end) return 'nothing';
    if (this.isString()) return 'string';
    if (this.isMap()) return 'map';
    if (marker < 0x80 || marker >= 0xe0) return 'integer';
    if (marker >> 4 === 9) return 'array';
    return MARKER_NAMES[marker] ?? 'the invalid byte c1';
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
