import type { Clock, Logger, Rng } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { JobCache } from '../cache/job-cache.ts';
import type { StorageConfig } from '../config.ts';
import type { JobStore } from '../db/job-store.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import { Journal } from './journal.ts';

export interface JournalOfJobsOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly config: Pick<StorageConfig['runtime'], 'journal' | 'limits'>;
  readonly store: Pick<JobStore, 'commit'>;
  readonly cache: Pick<JobCache, 'find'>;
  /** Called later, never before the journal is there. */
  readonly runner: Pick<EffectRunner, 'note' | 'fail'>;
  /** More of a job is durable, and the job knows. */
  readonly onJournaled: (job: Job) => void;
}

/** A journal that tells the jobs in memory how much of them is durable, and fails those it cannot write. */
export const newJournalOfJobs = ({
  clock,
  rng,
  logger,
  config,
  store,
  cache,
  runner,
  onJournaled,
}: JournalOfJobsOptions): Journal =>
  new Journal({
    store,
    clock,
    rng,
    logger,
    flushIntervalMs: config.journal.flush_interval_ms,
    flushRecords: config.journal.flush_records,
    capacityBytes: config.limits.unflushed_bytes,
    onJournaled: ({ jobId, taken }) => {
      const job = cache.find(jobId);
      if (job === undefined) return;
      job.tasksFlushed(taken.successes);
      runner.note(job, { type: 'journaled', effects: taken.appends, row: taken.lastSequence });
      onJournaled(job);
    },
    onJobBroken: (jobId, error) => {
      const job = cache.find(jobId);
      const reason = error instanceof Error ? error.message : String(error);
      if (job !== undefined) runner.fail(job, `its journal cannot be written: ${reason}`);
    },
  });
