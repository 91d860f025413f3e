import type { Durability } from '@spider/core';
import type { Job } from '../cache/job.ts';
import { countSuccesses, encodeJournalRecords } from '../journal/journal-record.ts';
import type { Journal } from '../journal/journal.ts';
import type { JournalEffect } from '../machine/job-effect.ts';

export interface AttemptJournalOptions {
  readonly journal: Journal;
  /** Of jobs that have none of their own. */
  readonly durability: Durability;
  /** A job that handed out nothing until its records were flushed may do so again. */
  readonly onReleased: (job: Job) => void;
}

/** Journals finished attempts, as durably as each job asks for. */
export class AttemptJournal {
  readonly #options: AttemptJournalOptions;
  /** Jobs that hand out nothing until their records are flushed. */
  readonly #held = new Set<Job>();

  constructor(options: AttemptJournalOptions) {
    this.#options = options;
    options.journal.onFlush(() => this.#releaseHeld());
  }

  /** What of a job survives the death of storage. */
  durabilityOf({ policy }: Job): Durability {
    return policy.durability ?? this.#options.durability;
  }

  append(job: Job, effect: JournalEffect): void {
    const durability = this.durabilityOf(job);
    if (durability === 'job') return;
    const records = encodeJournalRecords(effect);
    const { journal } = this.#options;
    job.journal.countSuccesses(countSuccesses(effect, job.machine.taskCount));
    journal.append(job.journal, records, effect.positions.length);
    if (durability !== 'sync') return;
    job.heldUntil = journal.appended;
    this.#held.add(job);
    journal.flushSoon();
  }

  #releaseHeld(): void {
    const { flushed } = this.#options.journal;
    for (const job of this.#held) {
      if (job.heldUntil > flushed) continue;
      job.heldUntil = 0;
      this.#held.delete(job);
      this.#options.onReleased(job);
    }
  }
}
