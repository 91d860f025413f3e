import { SpiderError } from '../error.ts';
import { LIMITS } from '../limits.ts';

const KEPT_CAPACITY = 1024 * 1024;
/** So many are copied one by one sooner than a view of them is made. */
const FEW_BYTES = 24;

/**
 * A buffer that grows while it is written to. Meant to be kept and cleared rather than made anew.
 */
export class ByteWriter {
  protected bytes: Uint8Array<ArrayBuffer>;
  protected view: DataView<ArrayBuffer>;
  protected position = 0;
  readonly #maxBytes: number;

  /** @param maxBytes what it may hold; writing beyond throws a SpiderError 'resource-exhausted'. */
  constructor(initialCapacity = 256, maxBytes: number = LIMITS.taskPayloadBytes) {
    this.bytes = new Uint8Array(initialCapacity);
    this.view = new DataView(this.bytes.buffer);
    this.#maxBytes = maxBytes;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.position;
  }

  /** Forgets everything, and gives an unusually large buffer back. */
  clear(): void {
    this.position = 0;
    if (this.bytes.length > KEPT_CAPACITY) this.#resize(KEPT_CAPACITY);
  }

  /** Forgets what was written after the first `length` bytes. */
  truncate(length: number): void {
    if (length < this.position) this.position = length;
  }

  /** What was written, as a view that the next write or `clear` may change. */
  peek(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.position);
  }

  /** A copy of what was written from `start` on. */
  toBytes(start = 0): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(start, this.position);
  }

  appendUint8(value: number): void {
    this.reserve(1);
    this.bytes[this.position++] = value;
  }

  appendUint32LE(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.position, value, true);
    this.position += 4;
  }

  appendUint32BE(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.position, value);
    this.position += 4;
  }

  /** @param value a safe integer that is not negative. */
  appendUint64LE(value: number): void {
    this.reserve(8);
    this.view.setUint32(this.position, value % 0x1_0000_0000, true);
    this.view.setUint32(this.position + 4, Math.floor(value / 0x1_0000_0000), true);
    this.position += 8;
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.position);
    this.position += bytes.length;
  }

  /** Appends what lies in `bytes` from `start` to `end`. */
  appendRange(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.reserve(length);
    const { bytes: to, position } = this;
    if (length > FEW_BYTES) to.set(bytes.subarray(start, end), position);
    else for (let i = 0; i < length; i++) to[position + i] = bytes[start + i] as number;
    this.position = position + length;
  }

  /** Overwrites four bytes that were written before. */
  setUint32LE(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  /** Overwrites four bytes that were written before. */
  setUint32BE(at: number, value: number): void {
    this.view.setUint32(at, value);
  }

  /** Makes room for `count` more bytes. */
  protected reserve(count: number): void {
    if (this.position + count > this.bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    const needed = this.position + count;
    if (needed > this.#maxBytes) {
      throw new SpiderError(
        'resource-exhausted',
        `more than ${this.#maxBytes} bytes, the limit of what may be encoded at once`,
      );
    }
    this.#resize(Math.min(this.#maxBytes, Math.max(needed, this.bytes.length * 2)));
  }

  #resize(capacity: number): void {
    const bytes = new Uint8Array(capacity);
    bytes.set(this.bytes.subarray(0, this.position));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}
