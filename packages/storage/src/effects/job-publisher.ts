import { isFinalJobState, JobState } from '@spider/core';
import type { Job } from '../cache/job.ts';
import type { JobCache } from '../cache/job-cache.ts';
import type { JobStatus } from '../cache/job-status.ts';
import type { JobDeadlines } from '../lease/job-deadlines.ts';
import type { SoftTimeouts } from '../lease/soft-timeouts.ts';
import type { PublishedEffect } from '../machine/job-effect.ts';
import { wakeLeases } from './wake.ts';

export interface JobPublisherOptions {
  readonly cache: Pick<JobCache, 'retire'>;
  readonly softTimeouts: Pick<SoftTimeouts, 'forget'>;
  readonly deadlines: Pick<JobDeadlines, 'watch' | 'forget'>;
  readonly onEnded: (job: Job) => void;
}

/** Shows states of jobs that are durable. A job that has ended leaves everything but its status. */
export class JobPublisher {
  readonly #options: JobPublisherOptions;

  constructor(options: JobPublisherOptions) {
    this.#options = options;
  }

  publish(job: Job, { from, to, at, message, endReason }: PublishedEffect): void {
    if (from === JobState.Ready && to === JobState.Running) job.startedAt = at;
    if (to === JobState.Running || to === JobState.CleanupReady) this.#options.deadlines.watch(job);
    job.errorMessage = message;
    job.endReason ??= endReason;
    // What has led to the state is durable with it; a start alone says nothing of tasks.
    if (to !== JobState.Running) job.tasksFlushed(job.machine.progress().succeededTasks);
    if (!isFinalJobState(to)) return;
    job.endedAt = at;
    this.retire(job, job.status());
  }

  /** A job has ended, with this status. */
  retire(job: Job, status: JobStatus): void {
    this.#options.cache.retire(job, status);
    this.#options.softTimeouts.forget(job);
    this.#options.deadlines.forget(job);
    this.#options.onEnded(job);
    wakeLeases(job);
    for (const watch of job.watches) watch.ended();
    job.watches.clear();
  }
}
