import { JobState, jobStateName, SpiderError } from '@spider/core';
import type { JobId } from '@spider/core';
import type { Clock, Logger, Timer } from '@spider/runtime';
import type { JobAge } from '../db/job-ages.ts';
import { SupersededError } from '../db/store-error.ts';

/** Jobs of one state that are seen to at once, and the pause until the next ones. */
const BATCH_JOBS = 64;
const PAUSE_MS = 100;

/** After an error. */
const RETRY_MS = 60_000;

export interface RetentionTimes {
  /** Of succeeded and of cancelled jobs, after their end. */
  readonly succeededMs: number;
  /** Of failed jobs with their journals, after their end. */
  readonly failedMs: number;
  /** Of jobs that nobody has started, after their submission. */
  readonly neverStartedMs: number;
}

export interface JobRetentionOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly times: RetentionTimes;
  /** The jobs that have been in a state for longest, the oldest first. */
  readonly oldestJobs: (state: JobState, limit: number) => Promise<readonly JobAge[]>;
  readonly deleteJob: (id: JobId) => Promise<void>;
  /** Ends a job that was not started. */
  readonly expireJob: (id: JobId) => Promise<void>;
}

/**
 * Deletes jobs whose time is over. It looks at the database when the next one is due; where none is
 * known, when one that ends just now would be.
 */
export class JobRetention implements Disposable {
  readonly #options: JobRetentionOptions;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: JobRetentionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#lookAfter(0);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #lookAfter(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    const { logger, times, deleteJob, expireJob } = this.#options;
    try {
      const delaysMs = [
        await this.#seeTo(JobState.Succeeded, times.succeededMs, deleteJob),
        await this.#seeTo(JobState.Cancelled, times.succeededMs, deleteJob),
        await this.#seeTo(JobState.Failed, times.failedMs, deleteJob),
        await this.#seeTo(JobState.Ready, times.neverStartedMs, expireJob),
      ];
      this.#lookAfter(Math.min(...delaysMs));
    } catch (error) {
      // Whoever runs storage is told by the store.
      if (error instanceof SupersededError) return;
      logger.warn('old jobs could not be deleted just now', { error });
      this.#lookAfter(RETRY_MS);
    }
  }

  /** Sees to the jobs of a state that are due, and answers when the next ones may be. */
  async #seeTo(
    state: JobState,
    retentionMs: number,
    end: (id: JobId) => Promise<void>,
  ): Promise<number> {
    const { clock, logger, oldestJobs } = this.#options;
    const jobs = await oldestJobs(state, BATCH_JOBS);
    const now = clock.now();
    let ended = 0;
    for (const { id, since } of jobs) {
      const leftMs = since + retentionMs - now;
      // Not longer than for a job of now: the clock of the day may have been set back.
      if (leftMs > 0 || this.#isClosed) return Math.min(leftMs, retentionMs);
      if (await this.#end(id, end)) ended++;
    }
    if (ended > 0) logger.info('jobs ended their retention', { state: jobStateName(state), ended });
    return jobs.length === BATCH_JOBS && ended > 0 ? PAUSE_MS : retentionMs;
  }

  /** A job that cannot be ended, such as one that somebody has just started, is not in the way. */
  async #end(id: JobId, end: (id: JobId) => Promise<void>): Promise<boolean> {
    try {
      await end(id);
      return true;
    } catch (error) {
      if (!(error instanceof SpiderError) || error.code === 'unavailable') throw error;
      this.#options.logger.warn('a job stays after its retention', { jobId: id, error });
      return false;
    }
  }
}
