import { encodeUtf8 } from '../../value/utf8.ts';
import { ByteWriter } from '../../wire/byte-writer.ts';

const VARINT_BYTES_MAX = 5;

/** A byte writer for numbers of varying size. */
export class VarintWriter extends ByteWriter {
  /** @param value a uint32. */
  appendVarint(value: number): void {
    this.reserve(VARINT_BYTES_MAX);
    let rest = value;
    while (rest > 0x7f) {
      this.bytes[this.position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.position++] = rest;
  }

  /** @param value an int32; small ones of either sign take few bytes. */
  appendZigzag(value: number): void {
    this.appendVarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  appendText(text: string): void {
    const bytes = encodeUtf8(text);
    this.appendVarint(bytes.length);
    this.append(bytes);
  }
}
