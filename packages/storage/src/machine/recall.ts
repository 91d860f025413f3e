import type { JournalRange } from './job-effect.ts';
import type { OutputStore } from './output-store.ts';
import type { Chunk } from './payload-arena.ts';

/** So much is read back at a time, or what one task needs. */
const RECALL_BYTES = 16 * 1024 * 1024;

/** Outputs on their way back from the journal, because somebody waits for them. */
export class Recall {
  readonly number: number;
  readonly #outputs: OutputStore;
  readonly #needed = new Set<number>();
  /** Where those that are not in memory are. */
  readonly #chunks = new Set<Chunk>();
  /** What is in memory and needed as well. */
  readonly #pinned = new Set<Chunk>();
  #neededBytes = 0;
  #chunkBytes = 0;

  constructor(number: number, outputs: OutputStore) {
    this.number = number;
    this.#outputs = outputs;
  }

  /** Nothing more is to be added. */
  get isFull(): boolean {
    return this.#neededBytes >= RECALL_BYTES;
  }

  /** The tasks whose outputs are needed and were not in memory all the time. */
  get needed(): ReadonlySet<number> {
    return this.#needed;
  }

  isPinned(chunk: Chunk): boolean {
    return this.#pinned.has(chunk);
  }

  /** Somebody waits for the outputs of this task. */
  add(task: number): void {
    const chunk = this.#outputs.chunkOf(task);
    if (chunk.bytes !== undefined) {
      this.#pinned.add(chunk);
      return;
    }
    if (this.#needed.has(task)) return;
    this.#needed.add(task);
    if (this.#outputs.isInMemory(task)) return;
    this.#neededBytes += this.#outputs.blockBytes(task);
    if (this.#chunks.has(chunk)) return;
    this.#chunks.add(chunk);
    this.#chunkBytes += chunk.size;
  }

  /** Whether the outputs of a task are to be kept if they are come across. */
  wants(task: number): boolean {
    if (this.#outputs.readersLeft(task) === 0) return false;
    // What lies beside them is needed soon, too, if it was not meant for one task with many parents.
    const takesAll = this.#chunkBytes <= RECALL_BYTES;
    return takesAll ? this.#chunks.has(this.#outputs.chunkOf(task)) : this.#needed.has(task);
  }

  /** Which rows of the journal have them, ascending and apart. */
  ranges(): JournalRange[] {
    const each = Array.from(this.#chunks, ({ rowsBefore, lastRow }) => ({
      after: rowsBefore,
      last: lastRow as number,
    }));
    each.sort((a, b) => a.after - b.after);
    const ranges: { after: number; last: number }[] = [];
    for (const range of each) {
      const previous = ranges.at(-1);
      if (previous === undefined || range.after > previous.last) ranges.push(range);
      else previous.last = Math.max(previous.last, range.last);
    }
    return ranges;
  }
}
