import { jobStateName } from '@spider/core';
import type { Zstd } from '@spider/core';
import type { Clock } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import { SupersededError } from '../db/store-error.ts';
import type { Journal } from '../journal/journal.ts';
import type { PersistEffect } from '../machine/job-effect.ts';
import type { PersistedEvent, PersistFailedEvent } from '../machine/job-event.ts';
import { toStateChange } from './job-state-change.ts';

export interface StatePersisterOptions {
  readonly clock: Clock;
  readonly zstd: Zstd;
  readonly journal: Pick<Journal, 'commit'>;
  /** What became of a change. */
  readonly onDecided: (job: Job, event: PersistedEvent | PersistFailedEvent) => void;
  /** Another storage goes on with the job. */
  readonly onSuperseded: (job: Job, error: SupersededError) => void;
}

/** Makes changes of jobs' states durable. */
export class StatePersister {
  readonly #options: StatePersisterOptions;

  constructor(options: StatePersisterOptions) {
    this.#options = options;
  }

  async persist(job: Job, effect: PersistEffect): Promise<void> {
    const { clock, zstd, journal, onDecided, onSuperseded } = this.#options;
    const { to } = effect;
    try {
      const result = await journal.commit(toStateChange(job, effect, zstd));
      // A commit whose answer was lost is found done when it is repeated.
      if (result.kind === 'conflict' && result.state !== to) {
        const state = result.state === undefined ? 'gone' : jobStateName(result.state);
        throw new Error(`in the database the job is ${state}, not ${jobStateName(effect.from)}`);
      }
      onDecided(job, { type: 'persisted', to });
    } catch (error) {
      // No fault of the job: this process ends, and another storage goes on with it.
      if (error instanceof SupersededError) {
        onSuperseded(job, error);
        return;
      }
      const message = error instanceof Error ? error.message : String(error);
      onDecided(job, { type: 'persist-failed', to, message, at: clock.now() });
    }
  }
}
