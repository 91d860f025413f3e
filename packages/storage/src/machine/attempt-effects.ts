import type { CancelledEffect, JobEffect, JournalEffect, RetryLaterEffect } from './job-effect.ts';
import type { AttemptColumns } from './job-event.ts';

/**
 * Gathers what a batch of attempts leads to, so that it takes one effect of each type. An effect takes
 * its place in the list when the first entry is made: a record comes before what follows from it.
 */
export class AttemptEffects {
  readonly list: JobEffect[];
  readonly #attempts: AttemptColumns;
  #positions: number[] | undefined;
  readonly #malformed = new Map<number, string>();
  #cancelled: CancelledEffect | undefined;
  #retryLater: RetryLaterEffect | undefined;

  constructor(list: JobEffect[], attempts: AttemptColumns) {
    this.list = list;
    this.#attempts = attempts;
  }

  /** The attempt at this position counts and goes to the journal. */
  record(position: number): void {
    if (this.#positions === undefined) {
      this.#positions = [];
      this.list.push(journalEffect(this.#attempts, this.#positions, this.#malformed));
    }
    this.#positions.push(position);
  }

  /** As `record`, for a success that counts as a failure. */
  recordMalformed(position: number, message: string): void {
    this.record(position);
    this.#malformed.set(position, message);
  }

  /** A task may be tried again after so long. */
  retryLater(taskIndex: number, delayMs: number): void {
    if (this.#retryLater === undefined) {
      this.#retryLater = { type: 'retry-later', taskIndices: [], delaysMs: [] };
      this.list.push(this.#retryLater);
    }
    this.#retryLater.taskIndices.push(taskIndex);
    this.#retryLater.delaysMs.push(delayMs);
  }

  /** Whether any attempt goes to the journal. */
  get hasRecords(): boolean {
    return this.#positions !== undefined;
  }

  /** Where to list instances that are to stop. */
  get cancelled(): CancelledEffect {
    if (this.#cancelled === undefined) {
      this.#cancelled = {
        type: 'cancelled',
        executionManagers: [],
        taskIndices: [],
        instances: [],
      };
      this.list.push(this.#cancelled);
    }
    return this.#cancelled;
  }
}

function journalEffect(
  attempts: AttemptColumns,
  positions: number[],
  malformed: ReadonlyMap<number, string>,
): JournalEffect {
  return { type: 'journal', attempts, positions, malformed };
}
