const SMALL_BYTES = 32;
const FIRST_CHUNK_BYTES = 4 * 1024;
const CHUNK_BYTES_MAX = 1024 * 1024;

interface Chunk {
  readonly bytes: Uint8Array;
  /** Blocks in it that are still needed. */
  liveCount: number;
}

/**
 * Memory for very many byte blocks that come and go together. Blocks are packed into chunks one after
 * another; a chunk goes when the last block in it is released.
 */
export class PayloadArena {
  readonly #chunks: (Chunk | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  #current = -1;
  #used = 0;
  #nextChunkBytes = FIRST_CHUNK_BYTES;
  #totalBytes = 0;

  /** Bytes of all chunks. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** The chunk that the last `copyIn` wrote to. */
  get currentChunk(): number {
    return this.#current;
  }

  /** Copies a block in. Answers where in `currentChunk` it starts. */
  copyIn(from: Uint8Array, start: number, length: number): number {
    let chunk = this.#current === -1 ? undefined : this.#chunks[this.#current];
    if (chunk === undefined || this.#used + length > chunk.bytes.length) {
      chunk = this.#open(length);
    }
    const at = this.#used;
    copyBytes(from, start, length, chunk.bytes, at);
    chunk.liveCount += 1;
    this.#used = at + length;
    return at;
  }

  bytes(chunkNumber: number): Uint8Array {
    return (this.#chunks[chunkNumber] as Chunk).bytes;
  }

  /** Live blocks of a chunk; 0 for one that is gone. */
  liveCount(chunkNumber: number): number {
    return this.#chunks[chunkNumber]?.liveCount ?? 0;
  }

  /** A block of this chunk is not needed any more. */
  release(chunkNumber: number): void {
    const chunk = this.#chunks[chunkNumber] as Chunk;
    chunk.liveCount -= 1;
    if (chunk.liveCount > 0) return;
    if (chunkNumber === this.#current) this.#used = 0;
    else this.#drop(chunkNumber);
  }

  #open(length: number): Chunk {
    const full = this.#current;
    if (full !== -1 && this.liveCount(full) === 0) this.#drop(full);
    const chunk: Chunk = {
      bytes: new Uint8Array(Math.max(this.#nextChunkBytes, length)),
      liveCount: 0,
    };
    this.#nextChunkBytes = Math.min(this.#nextChunkBytes * 2, CHUNK_BYTES_MAX);
    this.#totalBytes += chunk.bytes.length;
    this.#current = this.#freeNumbers.pop() ?? this.#chunks.length;
    this.#chunks[this.#current] = chunk;
    this.#used = 0;
    return chunk;
  }

  #drop(chunkNumber: number): void {
    this.#totalBytes -= this.bytes(chunkNumber).length;
    this.#chunks[chunkNumber] = undefined;
    this.#freeNumbers.push(chunkNumber);
  }
}

/** Copies bytes; for the few that most payloads have, faster than through a view. */
export function copyBytes(
  from: Uint8Array,
  start: number,
  length: number,
  to: Uint8Array,
  at: number,
): void {
  if (length > SMALL_BYTES) {
    to.set(from.subarray(start, start + length), at);
    return;
  }
  for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number;
}
