/** Bytes that are written once, front to back, of a number that is known only at the end. */
export class GrowingBuffer {
  bytes: Uint8Array;
  /** Where the next byte goes. */
  length = 0;

  /** @param expectedBytes what will probably be enough. */
  constructor(expectedBytes: number) {
    this.bytes = new Uint8Array(expectedBytes);
  }

  /** Makes room for more bytes. Those not written before are 0. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** What was written. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
