import { isFinalJobState, JobState, SpiderError } from '@spider/core';
import type { Clock, Logger } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import { storedJobStatus } from '../cache/job-status.ts';
import type { JobStore } from '../db/job-store.ts';
import type { Journal } from '../journal/journal.ts';
import type { JobPublisher } from './job-publisher.ts';
import { toFailure } from './job-state-change.ts';

export interface BrokenJobsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: Pick<JobStore, 'findJob'>;
  readonly journal: Pick<Journal, 'flush' | 'commit'>;
  readonly publisher: Pick<JobPublisher, 'retire'>;
}

/** Fails jobs whose machines have contradicted themselves, by the database's word. */
export class BrokenJobs {
  readonly #options: BrokenJobsOptions;

  constructor(options: BrokenJobsOptions) {
    this.#options = options;
  }

  async fail(job: Job, cause: unknown): Promise<void> {
    const { clock, logger, store, journal, publisher } = this.#options;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const errorMessage = `internal error in storage: ${reason}`;
    try {
      // A change that was under way is decided then.
      await journal.flush();
      const stored = await store.findJob(job.id);
      if (stored === undefined) throw new Error('the job is gone');
      if (isFinalJobState(stored.state)) {
        publisher.retire(job, storedJobStatus(stored));
        return;
      }
      const at = clock.now();
      await journal.commit(toFailure(job, stored.state, errorMessage, at));
      publisher.retire(job, { ...job.status(), state: JobState.Failed, errorMessage, endedAt: at });
    } catch (error) {
      logger.error('a broken job could not be marked as failed', { jobId: job.id, error });
    }
  }
}

export const brokenError = (job: Job): SpiderError =>
  new SpiderError('internal', `job ${job.id} contradicts itself and is out of service`);
