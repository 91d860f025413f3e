import {
  failedPrecondition,
  isFinalJobState,
  JobState,
  LIMITS,
  notFound,
  SpiderError,
} from '@spider/core';
import type { Durability, JobId, TaskState } from '@spider/core';
import type { Clock, Rng } from '@spider/runtime';
import { describeState, storedJobStatus } from './cache/job-status.ts';
import type { JobStatus } from './cache/job-status.ts';
import { JobWatch } from './cache/job-watch.ts';
import type { Job } from './cache/job.ts';
import type { JobCache } from './cache/job-cache.ts';
import type { JobFilter, JobStore } from './db/job-store.ts';
import type { EffectRunner } from './effects/effect-runner.ts';
import { EndedTasks } from './ended-tasks.ts';
import { listJobs } from './job-list.ts';
import type { JobPage, PageRequest } from './job-list.ts';
import type { JobRules } from './job-rules.ts';
import { JobOutputs } from './job-outputs.ts';
import { describeJob, listJobTasks } from './job-tasks.ts';
import type { JobDescription, JobTasksOptions, TaskList } from './job-tasks.ts';
import type { LongWork } from './long-work.ts';
import type { Journal } from './journal/journal.ts';
import { checkText } from './rpc/check.ts';
import type { ByteBudget } from './submission/byte-budget.ts';
import { retryJob } from './submission/retry-job.ts';
import type { RetryRequest } from './submission/retry-job.ts';
import { submitJob } from './submission/submit-job.ts';
import type { Submission, SubmittedJob } from './submission/submit-job.ts';
import { Turns } from './turns.ts';
import { fromUnknown } from './unknown-error.ts';

export interface JobsOptions {
  readonly clock: Clock;
  readonly work: LongWork;
  readonly rng: Rng;
  readonly store: JobStore;
  readonly journal: Journal;
  readonly cache: JobCache;
  readonly runner: EffectRunner;
  /** Of jobs that do not ask for one. */
  readonly durability: Durability;
  /** What is submitted and not durable yet. */
  readonly submissions: ByteBudget;
  readonly rules: JobRules;
  /** Tasks of a job, and bytes of its graph and of its inputs. */
  readonly tasksMax: number;
  readonly bytesMax: number;
  /** The least time between two notices to one who watches a job. */
  readonly watchIntervalMs: number;
  /** How many may watch a job at a time. */
  readonly watchesPerJob: number;
}

export interface WatchOptions {
  /** The least time between two notices; Infinity for the final state alone. */
  readonly minIntervalMs: number;
  /** The last call has a final state. */
  readonly onStatus: (status: JobStatus) => void;
  readonly onError: (error: SpiderError) => void;
}

/**
 * All that can be asked of jobs, in memory or not. Ids that nobody has issued are answered with
 * SpiderError 'not-found'.
 */
export class Jobs {
  readonly #options: JobsOptions;
  readonly #ended: EndedTasks;
  readonly #outputs: JobOutputs;
  /** Of those who retry or delete a job: what is being read must not go meanwhile. */
  readonly #turns = new Turns<JobId>();
  #isDraining = false;

  constructor(options: JobsOptions) {
    this.#options = options;
    this.#ended = new EndedTasks(options.store, options.clock, options.work);
    this.#outputs = new JobOutputs({
      store: options.store,
      status: (id) => this.status(id),
    });
  }

  async submit(submission: Submission): Promise<SubmittedJob> {
    if (this.#isDraining) throw new SpiderError('unavailable', 'storage is stopping');
    const { taskGraph, inputs } = submission;
    using _reserved = this.#options.submissions.reserve(taskGraph.length + inputs.length);
    const submitted = await submitJob(submission, this.#options);
    return submission.start ? await this.#started(submitted) : submitted;
  }

  /**
   * Submits a job anew that has failed, without the tasks that have succeeded.
   *
   * @throws SpiderError 'failed-precondition' if it has not failed; 'not-found' if it is deleted.
   */
  async retry(id: JobId, request: RetryRequest): Promise<SubmittedJob> {
    if (this.#isDraining) throw new SpiderError('unavailable', 'storage is stopping');
    using _reserved = this.#options.submissions.reserve(0);
    const retried = await this.#turns.take(id, async () =>
      retryJob(await this.status(id), request, this.#options),
    );
    return request.start ? await this.#started(retried) : retried;
  }

  /** The first call with a key may have ended between its two wishes. */
  async #started(submitted: SubmittedJob): Promise<SubmittedJob> {
    if (!submitted.existed || submitted.state !== JobState.Ready) return submitted;
    return { ...submitted, state: await this.start(submitted.id) };
  }

  /** @throws SpiderError 'failed-precondition' unless the job is READY. */
  async start(id: JobId): Promise<JobState> {
    const job = this.#options.cache.find(id);
    if (job !== undefined) return await this.#options.runner.request(job, 'start');
    const status = await this.status(id);
    throw failedPrecondition(`${describeState(status)}; only a READY job can be started`);
  }

  /**
   * @param reason why, for people to read; empty for none.
   * @param skipCleanup ends the job without its cleanup task, also when that waits or runs already.
   * @throws SpiderError 'failed-precondition' once the job has ended, or is being cleaned up and that is
   * not to be skipped; 'invalid-argument' if the reason is too long.
   */
  async cancel(id: JobId, reason = '', skipCleanup = false): Promise<JobState> {
    checkText('reason', reason, LIMITS.endReasonBytes);
    const job = this.#options.cache.find(id);
    if (job !== undefined) {
      const cancel = { reason: reason === '' ? undefined : reason, skipCleanup };
      return await this.#options.runner.request(job, 'cancel', cancel);
    }
    const status = await this.status(id);
    throw failedPrecondition(
      `${describeState(status)}; only a READY, RUNNING or COMMIT_READY job can be cancelled`,
    );
  }

  /** Whether the job has not ended, or not long ago. */
  isInMemory(id: JobId): boolean {
    return this.#options.cache.status(id) !== undefined;
  }

  async status(id: JobId): Promise<JobStatus> {
    const cached = this.#options.cache.status(id);
    if (cached !== undefined) return cached;
    const stored = await this.#options.store.findJob(id);
    if (stored === undefined) throw notFound(`job ${id} does not exist`);
    return storedJobStatus(stored);
  }

  /** What jobs that have succeeded have made. */
  get outputs(): JobOutputs {
    return this.#outputs;
  }

  /** Tells of a job's status now and whenever it has changed. Answers how to stop that. */
  watch(id: JobId, options: WatchOptions): () => void {
    const job = this.#options.cache.find(id);
    if (job !== undefined) return this.#watchJob(job, options);
    const stop = new AbortController();
    void this.#tellOnce(id, options, stop.signal);
    return () => stop.abort();
  }

  /** For a job that is not in memory, which is as good as one that has ended. */
  async #tellOnce(
    id: JobId,
    { onStatus, onError }: WatchOptions,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const status = await this.status(id);
      if (signal.aborted) return;
      onStatus(status);
      if (isFinalJobState(status.state)) return;
      onError(
        new SpiderError('unavailable', `${describeState(status)} and not in memory just now`),
      );
    } catch (error) {
      if (!signal.aborted) onError(fromUnknown(error));
    }
  }

  /** @throws SpiderError 'invalid-argument' naming the field of filter or page and the limit. */
  async list(filter: JobFilter, page: PageRequest): Promise<JobPage> {
    return await listJobs(filter, page, this.#options);
  }

  /** The job's tasks, counted by function. */
  async describe(id: JobId): Promise<JobDescription> {
    return await describeJob(id, this.#taskOptions());
  }

  /** @throws SpiderError 'invalid-argument' naming the field of the page and the limit. */
  async tasks(id: JobId, states: readonly TaskState[], page: PageRequest): Promise<TaskList> {
    return await listJobTasks(id, states, page, this.#taskOptions());
  }

  /** @throws SpiderError 'failed-precondition' unless the job has ended. */
  async delete(id: JobId): Promise<void> {
    await this.#turns.take(id, () => this.#delete(id));
  }

  async #delete(id: JobId): Promise<void> {
    const status = await this.status(id);
    if (!isFinalJobState(status.state) || this.#options.cache.find(id) !== undefined) {
      throw failedPrecondition(
        `${describeState(status)}; only a job that has ended can be deleted`,
      );
    }
    await this.#options.store.deleteJob(id);
    this.#options.cache.forget(id);
    this.#ended.forget();
  }

  #taskOptions(): JobTasksOptions {
    const { cache } = this.#options;
    return { cache, ended: this.#ended, status: (id) => this.status(id) };
  }

  /** Takes no more submissions. */
  drain(): void {
    this.#isDraining = true;
    this.#ended.close();
  }

  #watchJob(job: Job, { minIntervalMs, onStatus }: WatchOptions): () => void {
    const { clock, cache, watchIntervalMs, watchesPerJob } = this.#options;
    if (job.watches.size >= watchesPerJob) {
      throw new SpiderError(
        'resource-exhausted',
        `${job.watches.size} watch job ${job.id}, and runtime.limits.watches_per_job allows no more`,
      );
    }
    const watch = new JobWatch({
      clock,
      minIntervalMs: Math.max(minIntervalMs, watchIntervalMs),
      notify: () => onStatus(cache.status(job.id) ?? job.status()),
    });
    job.watches.add(watch);
    watch.changed();
    return () => {
      watch.close();
      job.watches.delete(watch);
    };
  }
}
