import { LIMITS } from '@spider/core';
import type { TaskGraph, TimestampMs } from '@spider/core';
import type { AttemptCursor } from './attempt-cursor.ts';
import { DEFAULT_JOB_LIMITS } from './job-limits.ts';

/**
 * What is remembered of how the tasks of a job ran: the last attempt of each that ended, and the times
 * of successes by kind. Nothing is decided by it; it is for people to see.
 */
export class TaskRecords {
  readonly #taskKind: Uint32Array;
  readonly #startedAt: Float64Array;
  readonly #elapsedUs: Uint32Array;
  readonly #executionManager: Float64Array;
  /** By row, the most recent failure last. */
  readonly #errors = new Map<number, string>();
  readonly #successes: Uint32Array;
  readonly #sumUs: Float64Array;
  readonly #maxUs: Uint32Array;

  readonly #errorsMax: number;

  /** @param errorsMax errors that are kept, 10,000 by default; the oldest ones are forgotten. */
  constructor(
    { taskCount, taskKind, kinds }: TaskGraph,
    errorsMax = DEFAULT_JOB_LIMITS.taskErrors,
  ) {
    this.#errorsMax = errorsMax;
    const rowCount = taskCount + 2;
    this.#taskKind = taskKind;
    this.#startedAt = new Float64Array(rowCount);
    this.#elapsedUs = new Uint32Array(rowCount);
    this.#executionManager = new Float64Array(rowCount);
    this.#successes = new Uint32Array(kinds.length);
    this.#sumUs = new Float64Array(kinds.length);
    this.#maxUs = new Uint32Array(kinds.length);
  }

  succeeded(row: number, attempt: AttemptCursor): void {
    const elapsedUs = this.#ended(row, attempt);
    if (row >= this.#taskKind.length) return;
    const kind = this.#taskKind[row] as number;
    this.#successes[kind] = (this.#successes[kind] as number) + 1;
    this.#sumUs[kind] = (this.#sumUs[kind] as number) + elapsedUs;
    if (elapsedUs > (this.#maxUs[kind] as number)) this.#maxUs[kind] = elapsedUs;
  }

  failed(row: number, attempt: AttemptCursor, message: string): void {
    this.#ended(row, attempt);
    this.#errors.delete(row);
    this.#errors.set(row, message.slice(0, LIMITS.listedErrorLength));
    if (this.#errors.size <= this.#errorsMax) return;
    for (const oldest of this.#errors.keys()) {
      this.#errors.delete(oldest);
      return;
    }
  }

  /** When the last attempt that ended started; undefined if there is none. */
  startedAt(row: number): TimestampMs | undefined {
    const startedAt = this.#startedAt[row] as number;
    return startedAt === 0 ? undefined : (startedAt as TimestampMs);
  }

  elapsedUs(row: number): number {
    return this.#elapsedUs[row] as number;
  }

  /** Who ran the last attempt that ended; 0 if there is none. */
  executionManager(row: number): number {
    return this.#executionManager[row] as number;
  }

  error(row: number): string | undefined {
    return this.#errors.get(row);
  }

  successTimes(kind: number): { readonly count: number; readonly sumUs: number; maxUs: number } {
    return {
      count: this.#successes[kind] as number,
      sumUs: this.#sumUs[kind] as number,
      maxUs: this.#maxUs[kind] as number,
    };
  }

  #ended(row: number, { columns, position }: AttemptCursor): number {
    const elapsedUs = columns.elapsedUs[position] as number;
    this.#startedAt[row] = columns.startedBaseMs + (columns.startedOffsetsMs[position] as number);
    this.#elapsedUs[row] = elapsedUs;
    this.#executionManager[row] = columns.executionManager;
    return elapsedUs;
  }
}
