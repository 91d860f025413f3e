import { LIMITS } from '@spider/core';
import type { JobId } from '@spider/core';
import type { JournalRow } from '../db/job-store.ts';

/** One job's journal: its rows so far, and the records that are not in a row yet. */
export class JobJournal {
  readonly jobId: JobId;
  #lastSequence = 0;
  #records: Uint8Array[] = [];
  #appends = 0;
  #takenAppends = 0;
  #successes = 0;
  #takenSuccesses = 0;

  constructor(jobId: JobId) {
    this.jobId = jobId;
  }

  /** The database has rows up to this one already, with so many tasks that succeeded. */
  resumeAfter(sequence: number, successes: number): void {
    this.#lastSequence = sequence;
    this.#successes = successes;
    this.#takenSuccesses = successes;
  }

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  add(records: Uint8Array): void {
    this.#records.push(records);
    this.#appends += 1;
  }

  /** So many tasks have succeeded by what is added next. */
  countSuccesses(successes: number): void {
    this.#successes += successes;
  }

  /** How many appends are in rows, the last of those, and how many tasks have succeeded by them. */
  get taken(): {
    readonly appends: number;
    readonly lastSequence: number;
    readonly successes: number;
  } {
    return {
      appends: this.#takenAppends,
      lastSequence: this.#lastSequence,
      successes: this.#takenSuccesses,
    };
  }

  /**
   * Takes the records out as rows. A row ends where it is full, if need be within a record: the rows
   * of one flush are read back together.
   */
  takeRows(): JournalRow[] {
    const rows = cutIntoRows(this.#records);
    this.#records = [];
    this.#takenAppends = this.#appends;
    this.#takenSuccesses = this.#successes;
    return rows.map((records) => {
      this.#lastSequence += 1;
      return { jobId: this.jobId, sequence: this.#lastSequence, records };
    });
  }

  discard(): void {
    this.#records = [];
  }
}

/** Records one after another, in pieces that a row can hold. */
export function cutIntoRows(records: readonly Uint8Array[]): Uint8Array[] {
  const bytes = concatenate(records);
  const rows: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += LIMITS.blobRowBytes) {
    rows.push(bytes.subarray(start, start + LIMITS.blobRowBytes));
  }
  return rows;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first === undefined) return new Uint8Array(0);
  if (parts.length === 1) return first;
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
