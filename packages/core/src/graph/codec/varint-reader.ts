import { SpiderError } from '../../error.ts';
import { decodeUtf8 } from '../../value/utf8.ts';

/** Reads what a VarintWriter wrote. Every error names the byte where reading stopped. */
export class VarintReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #position = 0;

  /** @param what the bytes are, for errors. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  readUint8(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw this.error('the bytes end too early');
    this.#position += 1;
    return byte;
  }

  /** A uint32. */
  readVarint(): number {
    const first = this.readUint8();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.readUint8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.readUint8();
    if (last > 0x0f) throw this.error('a number does not fit 32 bits');
    return (value | (last << 28)) >>> 0;
  }

  /** An int32. */
  readZigzag(): number {
    const value = this.readVarint();
    return (value >>> 1) ^ -(value & 1);
  }

  /**
   * How many things follow.
   *
   * @throws SpiderError if there are more than allowed, or than can be in the bytes that are left.
   */
  readCount(what: string, limit: number): number {
    const count = this.readVarint();
    if (count > limit) throw this.error(`it has ${count} ${what}, more than ${limit}`);
    if (count > this.remaining) {
      throw this.error(`it is to have ${count} ${what}, but only ${this.remaining} bytes are left`);
    }
    return count;
  }

  /** The next bytes, as a view. */
  readBytes(length: number): Uint8Array {
    if (length > this.remaining) throw this.error('the bytes end too early');
    this.#position += length;
    return this.#bytes.subarray(this.#position - length, this.#position);
  }

  readText(what: string, maxBytes: number): string {
    const bytes = this.readBytes(this.readCount(`bytes of ${what}`, maxBytes));
    try {
      return decodeUtf8(bytes);
    } catch (cause) {
      throw this.error(`the ${what} is not UTF-8`, { cause });
    }
  }

  error(message: string, options?: { cause?: unknown }): SpiderError {
    return new SpiderError(
      'invalid-argument',
      `${this.#what}: byte ${this.#position}: ${message}`,
      options,
    );
  }
}
