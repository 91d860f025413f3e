import { assert } from '../assert.ts';
import { invalidArgument } from '../error.ts';
import { LIMITS } from '../limits.ts';

const HEADER = 4;
const NOTHING = new Uint8Array(0);

/**
 * Finds the bodies of executor pipe frames in a stream of chunks:
 *
 *     reader.push(chunk);
 *     while (reader.next()) use(reader.bytes, reader.start, reader.end);
 *
 * A body that lies within one chunk is not copied. `bytes` stays valid as long as its chunk does.
 */
export class ExecutorFrameReader {
  /** Holds the current body, from `start` to `end`. */
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;

  #chunk: Uint8Array = NOTHING;
  #position = 0;
  /** A header or body of which only a part has arrived, and how much of it is there. */
  #partial: Uint8Array = NOTHING;
  #partialLength = 0;
  #isHeaderPartial = false;
  readonly #bodyBytesMax: number;

  /** @param bodyBytesMax what a body may have; default: `LIMITS.executorFrameBytes`. */
  constructor(bodyBytesMax: number = LIMITS.executorFrameBytes) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** Whether the stream could end here: no frame has been begun and not finished. */
  get isAtBoundary(): boolean {
    return this.#position === this.#chunk.length && this.#partial.length === 0;
  }

  /** Takes the next chunk. The one before must have been read to its end. */
  push(chunk: Uint8Array): void {
    assert(this.#position === this.#chunk.length, 'the chunk before is not read to its end');
    this.#chunk = chunk;
    this.#position = 0;
  }

  /**
   * Moves on to the next body, and answers whether there is a whole one.
   *
   * @throws SpiderError 'invalid-argument' if a body is said to be larger than it may be. The
   * stream is of no use then.
   */
  next(): boolean {
    if (this.#partial.length > 0) return this.#continue();
    const chunk = this.#chunk;
    const left = chunk.length - this.#position;
    if (left < HEADER) return this.#keep(HEADER, true);
    const length = bodyLength(chunk, this.#position, this.#bodyBytesMax);
    this.#position += HEADER;
    if (left - HEADER < length) return this.#keep(length, false);
    return this.#emit(chunk, this.#position, (this.#position += length));
  }

  /** Sets aside what is left of the chunk: the beginning of `size` bytes. */
  #keep(size: number, isHeader: boolean): false {
    const left = this.#chunk.length - this.#position;
    if (isHeader && left === 0) return false;
    this.#partial = new Uint8Array(size);
    this.#partialLength = 0;
    this.#isHeaderPartial = isHeader;
    this.#fill();
    return false;
  }

  #continue(): boolean {
    if (!this.#fill()) return false;
    const whole = this.#partial;
    this.#partial = NOTHING;
    if (!this.#isHeaderPartial) return this.#emit(whole, 0, whole.length);
    const length = bodyLength(whole, 0, this.#bodyBytesMax);
    if (this.#chunk.length - this.#position < length) return this.#keep(length, false);
    return this.#emit(this.#chunk, this.#position, (this.#position += length));
  }

  /** Adds as much of the chunk to the partial bytes as they lack; answers whether they are whole. */
  #fill(): boolean {
    const missing = this.#partial.length - this.#partialLength;
    const part = this.#chunk.subarray(this.#position, this.#position + missing);
    this.#partial.set(part, this.#partialLength);
    this.#partialLength += part.length;
    this.#position += part.length;
    return part.length === missing;
  }

  #emit(bytes: Uint8Array, start: number, end: number): true {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    return true;
  }
}

function bodyLength(bytes: Uint8Array, at: number, max: number): number {
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
  const length = (high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
  if (length > max) {
    throw invalidArgument(
      `an executor message announces ${length} bytes, more than the ${max} allowed`,
    );
  }
  return length;
}
