import { ByteWriter } from '../wire/byte-writer.ts';
import { ValueError } from './value-error.ts';

const encoder = new TextEncoder();

/** From this length on a string is encoded apart, so that no room is reserved for the worst case. */
const LONG_STRING = 16 * 1024;

/**
 * Writes MessagePack with the reference's choices: the smallest form of an integer, floats always in
 * their own width, byte vectors as arrays of integers.
 */
export class MsgpackWriter extends ByteWriter {
  writeNil(): void {
    this.appendUint8(0xc0);
  }

  writeBoolean(value: boolean): void {
    this.appendUint8(value ? 0xc3 : 0xc2);
  }

  writeFloat64(value: number): void {
    this.reserve(9);
    this.bytes[this.position] = 0xcb;
    this.view.setFloat64(this.position + 1, value);
    this.position += 9;
  }

  /** Rounds to the nearest 32-bit float. */
  writeFloat32(value: number): void {
    this.reserve(5);
    this.bytes[this.position] = 0xca;
    this.view.setFloat32(this.position + 1, value);
    this.position += 5;
  }

  /** @param value a safe integer. */
  writeInt(value: number): void {
    if (value >= 0) this.#writeUnsigned(value);
    else this.#writeNegative(value);
  }

  /** @param value from −2^63 to 2^64−1. */
  writeBigInt(value: bigint): void {
    if (value >= -0x8000_0000n && value <= 0xffff_ffffn) {
      this.writeInt(Number(value));
      return;
    }
    this.reserve(9);
    this.bytes[this.position] = value < 0n ? 0xd3 : 0xcf;
    this.view.setBigUint64(this.position + 1, BigInt.asUintN(64, value));
    this.position += 9;
  }

  /** @throws ValueError if the string has an unpaired surrogate, which UTF-8 cannot carry. */
  writeString(value: string): void {
    if (value.length < 32 && this.#tryWriteShortAscii(value)) return;
    if (!value.isWellFormed())
      throw new ValueError('expected well-formed text, got an unpaired surrogate');
    if (value.length > LONG_STRING) {
      const bytes = encoder.encode(value);
      this.reserve(5);
      this.#writeStringHeader(bytes.length);
      this.append(bytes);
      return;
    }
    // One UTF-16 unit takes at most three bytes; the header may take five.
    this.reserve(5 + value.length * 3);
    const start = this.position;
    const guess = stringHeaderLength(value.length);
    const { written } = encoder.encodeInto(value, this.bytes.subarray(start + guess));
    const headerLength = stringHeaderLength(written);
    if (headerLength !== guess) {
      this.bytes.copyWithin(start + headerLength, start + guess, start + guess + written);
    }
    this.#writeStringHeader(written);
    this.position = start + headerLength + written;
  }

  /** Writes text of ASCII only, for which an encoder costs more than the text itself. */
  #tryWriteShortAscii(value: string): boolean {
    this.reserve(1 + value.length);
    const start = this.position + 1;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) return false;
      this.bytes[start + i] = unit;
    }
    this.bytes[this.position] = 0xa0 | value.length;
    this.position = start + value.length;
    return true;
  }

  /** Writes an array of integers, one or two bytes each. */
  writeByteArray(value: Uint8Array): void {
    this.writeArrayHeader(value.length);
    this.reserve(value.length * 2);
    let position = this.position;
    for (const byte of value) {
      if (byte >= 0x80) this.bytes[position++] = 0xcc;
      this.bytes[position++] = byte;
    }
    this.position = position;
  }

  writeArrayHeader(count: number): void {
    this.#writeHeader(count, 0x90, 0xdc);
  }

  writeMapHeader(count: number): void {
    this.#writeHeader(count, 0x80, 0xde);
  }

  #writeHeader(count: number, fix: number, marker16: number): void {
    this.reserve(5);
    if (count < 16) {
      this.bytes[this.position++] = fix | count;
    } else if (count <= 0xffff) {
      this.#writeMarked16(marker16, count);
    } else {
      this.#writeMarked32(marker16 + 1, count);
    }
  }

  #writeStringHeader(byteLength: number): void {
    if (byteLength < 32) {
      this.bytes[this.position++] = 0xa0 | byteLength;
    } else if (byteLength <= 0xff) {
      this.#writeMarked8(0xd9, byteLength);
    } else if (byteLength <= 0xffff) {
      this.#writeMarked16(0xda, byteLength);
    } else {
      this.#writeMarked32(0xdb, byteLength);
    }
  }

  #writeUnsigned(value: number): void {
    this.reserve(9);
    if (value < 0x80) this.bytes[this.position++] = value;
    else if (value <= 0xff) this.#writeMarked8(0xcc, value);
    else if (value <= 0xffff) this.#writeMarked16(0xcd, value);
    else if (value <= 0xffff_ffff) this.#writeMarked32(0xce, value);
    else this.#writeMarked64(0xcf, value);
  }

  #writeNegative(value: number): void {
    this.reserve(9);
    if (value >= -0x20) this.bytes[this.position++] = value & 0xff;
    else if (value >= -0x80) this.#writeMarked8(0xd0, value & 0xff);
    else if (value >= -0x8000) this.#writeMarked16(0xd1, value & 0xffff);
    else if (value >= -0x8000_0000) this.#writeMarked32(0xd2, value);
    else this.#writeMarked64(0xd3, value);
  }

  #writeMarked8(marker: number, value: number): void {
    this.bytes[this.position] = marker;
    this.bytes[this.position + 1] = value;
    this.position += 2;
  }

  #writeMarked16(marker: number, value: number): void {
    this.bytes[this.position] = marker;
    this.view.setUint16(this.position + 1, value);
    this.position += 3;
  }

  #writeMarked32(marker: number, value: number): void {
    this.bytes[this.position] = marker;
    this.view.setUint32(this.position + 1, value);
    this.position += 5;
  }

  #writeMarked64(marker: number, value: number): void {
    this.bytes[this.position] = marker;
    this.view.setInt32(this.position + 1, Math.floor(value / 0x1_0000_0000));
    this.view.setUint32(this.position + 5, value % 0x1_0000_0000);
    this.position += 9;
  }
}

function stringHeaderLength(byteLength: number): number {
  if (byteLength < 32) return 1;
  if (byteLength <= 0xff) return 2;
  return byteLength <= 0xffff ? 3 : 5;
}
