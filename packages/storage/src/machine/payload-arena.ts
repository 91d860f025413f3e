const SMALL_BYTES = 32;
const FIRST_CHUNK_BYTES = 4 * 1024;
const CHUNK_BYTES_MAX = 1024 * 1024;
/** A chunk with less in it is not closed before it is full. */
const CLOSE_BYTES = 64 * 1024;

/** A piece of memory with many blocks, or the knowledge of where they can be read. */
export interface Chunk {
  readonly number: number;
  readonly size: number;
  /** Ascends in the order in which chunks were opened. */
  readonly age: number;
  /** Undefined when its blocks are in the journal alone. */
  bytes: Uint8Array | undefined;
  /** Blocks in it that are still needed. */
  liveCount: number;
  /** Its blocks are in rows of the journal after this one … */
  rowsBefore: number;
  /** … up to this one; undefined until all of them are durable. */
  lastRow: number | undefined;
  /** The record that has the last of its blocks; undefined while there may come more. */
  lastRecord: number | undefined;
}

/**
 * Memory for very many byte blocks that come and go together. Blocks are packed into chunks one after
 * another; a chunk goes when the last block in it is released. The bytes of a chunk whose blocks are all
 * in the journal can go before.
 */
export class PayloadArena {
  readonly #chunks: (Chunk | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  /** Closed, and not known to be durable. */
  #undurable: Chunk[] = [];
  #current: Chunk | undefined;
  #used = 0;
  #nextChunkBytes = FIRST_CHUNK_BYTES;
  #totalBytes = 0;
  #evictedCount = 0;
  #opened = 0;
  #durableRecord = 0;
  #durableRow = 0;

  /** Bytes of all chunks, as far as they are in memory. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** The chunk that the last `copyIn` wrote to. */
  get currentChunk(): number {
    return this.#current?.number ?? -1;
  }

  /** Whether some blocks are in the journal alone. */
  get hasEvicted(): boolean {
    return this.#evictedCount > 0;
  }

  /**
   * Copies a block in. Answers where in `currentChunk` it starts.
   *
   * @param record the number of the record of the journal that has this block.
   */
  copyIn(from: Uint8Array, start: number, length: number, record = 0): number {
    let chunk = this.#current;
    if (chunk === undefined || this.#used + length > chunk.size) chunk = this.#open(length, record);
    const at = this.#used;
    copyBytes(from, start, length, chunk.bytes as Uint8Array, at);
    chunk.liveCount += 1;
    this.#used = at + length;
    return at;
  }

  /** The bytes of a chunk that is not gone; undefined if they are in the journal alone. */
  bytes(chunkNumber: number): Uint8Array | undefined {
    return (this.#chunks[chunkNumber] as Chunk).bytes;
  }

  /** Undefined for one that is gone. */
  chunk(chunkNumber: number): Chunk | undefined {
    return this.#chunks[chunkNumber];
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
    // One that is large has been made for a single block.
    if (chunk !== this.#current || chunk.size > CHUNK_BYTES_MAX) {
      if (chunk === this.#current) this.#current = undefined;
      this.#drop(chunk);
      return;
    }
    this.#used = 0;
    chunk.rowsBefore = this.#durableRow;
  }

  /** The journal is durable up to this record and this row, and the row ends with a record. */
  journaled(record: number, row: number): void {
    this.#durableRecord = record;
    this.#durableRow = row;
    if (this.#undurable.length === 0) return;
    this.#undurable = this.#undurable.filter((chunk) => {
      if ((chunk.lastRecord as number) > record) return true;
      chunk.lastRow = row;
      return false;
    });
  }

  /**
   * Gives up the bytes of chunks, the oldest first, until so many are free or no more can go.
   *
   * @param record the number of the last record that has a block.
   * @param mayGo of those that are in the journal.
   */
  evict(bytes: number, record: number, mayGo: (chunk: Chunk) => boolean): void {
    let left = bytes;
    for (const chunk of this.#evictable(mayGo)) {
      if (left <= 0) return;
      left -= chunk.size;
      chunk.bytes = undefined;
      this.#totalBytes -= chunk.size;
      this.#evictedCount += 1;
    }
    // Next time it can go, too. It has to be worth a chunk of its own.
    if (left > 0 && this.#used >= Math.min(left, CLOSE_BYTES)) this.#close(record);
  }

  #evictable(mayGo: (chunk: Chunk) => boolean): Chunk[] {
    const chunks: Chunk[] = [];
    for (const chunk of this.#chunks) {
      if (chunk?.bytes === undefined || chunk.lastRow === undefined) continue;
      if (mayGo(chunk)) chunks.push(chunk);
    }
    return chunks.sort((a, b) => a.age - b.age);
  }

  #open(length: number, record: number): Chunk {
    this.#close(record);
    const size = Math.max(this.#nextChunkBytes, length);
    const chunk: Chunk = {
      number: this.#freeNumbers.pop() ?? this.#chunks.length,
      size,
      bytes: new Uint8Array(size),
      liveCount: 0,
      age: this.#opened++,
      rowsBefore: this.#durableRow,
      lastRow: undefined,
      lastRecord: undefined,
    };
    this.#nextChunkBytes = Math.min(this.#nextChunkBytes * 2, CHUNK_BYTES_MAX);
    this.#totalBytes += size;
    this.#chunks[chunk.number] = chunk;
    this.#current = chunk;
    this.#used = 0;
    return chunk;
  }

  #close(record: number): void {
    const chunk = this.#current;
    if (chunk === undefined) return;
    this.#current = undefined;
    chunk.lastRecord = record;
    if (chunk.liveCount === 0) this.#drop(chunk);
    else if (record <= this.#durableRecord) chunk.lastRow = this.#durableRow;
    else this.#undurable.push(chunk);
  }

  #drop(chunk: Chunk): void {
    if (chunk.bytes === undefined) this.#evictedCount -= 1;
    else this.#totalBytes -= chunk.size;
    chunk.bytes = undefined;
    this.#chunks[chunk.number] = undefined;
    this.#freeNumbers.push(chunk.number);
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
