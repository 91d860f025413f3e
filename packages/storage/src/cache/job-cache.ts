import { SpiderError } from '@spider/core';
import type { JobId } from '@spider/core';
import type { Clock, Timer } from '@spider/runtime';
import type { KindSummaries } from '../machine/task-view.ts';
import type { Job } from './job.ts';
import type { JobStatus } from './job-status.ts';

export interface JobCacheOptions {
  readonly clock: Clock;
  /** Why ready tasks of a job cannot run for now, if there is a reason. */
  readonly waitingReason?: ((job: Job) => string | undefined) | undefined;
  /** How long the status of a job that has ended stays in memory. */
  readonly retentionMs: number;
  /** Ended jobs beyond this number leave before their time. Default 4,096. */
  readonly endedJobsMax?: number | undefined;
  /** Jobs that have not ended, and their tasks, beyond which none is admitted. By default any number. */
  readonly unfinishedJobsMax?: number | undefined;
  readonly unfinishedTasksMax?: number | undefined;
}

/** Functions of an ended job that are kept in memory with their counts; with more none are. */
const KEPT_KINDS = 64;

interface EndedJob {
  readonly status: JobStatus;
  readonly summary: KindSummaries | undefined;
  readonly endedUs: number;
}

/**
 * The jobs in memory: whole while they run, only their status and the counts of their tasks for a while
 * afterwards. What has left is in the database.
 */
export class JobCache {
  readonly #options: JobCacheOptions;
  readonly #jobs = new Map<JobId, Job>();
  /** In the order in which they ended. */
  readonly #ended = new Map<JobId, EndedJob>();
  #timer: Timer | undefined;
  /** Tasks of the jobs that have not ended. */
  #tasks = 0;
  /** Of jobs that were admitted and are not here yet. */
  #expectedJobs = 0;
  #expectedTasks = 0;

  constructor(options: JobCacheOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** Jobs that have ended and whose status is still here. */
  get endedCount(): number {
    return this.#ended.size;
  }

  /** Tasks of the jobs that have not ended. */
  get taskCount(): number {
    return this.#tasks + this.#expectedTasks;
  }

  add(job: Job): void {
    if (this.#jobs.has(job.id)) return;
    this.#jobs.set(job.id, job);
    this.#tasks += job.machine.taskCount;
  }

  /**
   * Keeps room for a job until this is disposed of: it is here by then, or will not come.
   *
   * @throws SpiderError 'resource-exhausted' naming the limit.
   */
  admit(taskCount: number): Disposable {
    const { unfinishedJobsMax = Infinity, unfinishedTasksMax = Infinity } = this.#options;
    const jobs = this.#jobs.size + this.#expectedJobs;
    const tasks = this.#tasks + this.#expectedTasks;
    if (jobs >= unfinishedJobsMax) {
      throw exhausted(`${jobs} jobs have not ended, and runtime.limits.jobs allows no more`);
    }
    if (tasks + taskCount > unfinishedTasksMax) {
      throw exhausted(
        `${taskCount} tasks beside the ${tasks} of jobs that have not ended are more than the ` +
          `${unfinishedTasksMax} of runtime.limits.tasks`,
      );
    }
    this.#expectedJobs += 1;
    this.#expectedTasks += taskCount;
    return {
      [Symbol.dispose]: () => {
        this.#expectedJobs -= 1;
        this.#expectedTasks -= taskCount;
      },
    };
  }

  /** A job that has not ended. */
  find(id: JobId): Job | undefined {
    return this.#jobs.get(id);
  }

  /** A job in memory, ended or not. */
  status(id: JobId): JobStatus | undefined {
    const job = this.#jobs.get(id);
    if (job === undefined) return this.#ended.get(id)?.status;
    const waitingReason = this.#options.waitingReason?.(job);
    return waitingReason === undefined ? job.status() : { ...job.status(), waitingReason };
  }

  /** How the tasks of an ended job went, by function; undefined if that is not in memory. */
  endedSummary(id: JobId): KindSummaries | undefined {
    return this.#ended.get(id)?.summary;
  }

  /** The jobs that have not ended. */
  jobs(): IterableIterator<Job> {
    return this.#jobs.values();
  }

  /** A job has ended: all but this status and the counts of its tasks is forgotten. */
  retire(job: Job, status: JobStatus): void {
    if (!this.#jobs.delete(job.id)) return;
    this.#tasks -= job.machine.taskCount;
    const { clock, endedJobsMax = 4096 } = this.#options;
    this.#ended.set(job.id, { status, summary: summaryOf(job), endedUs: clock.monotonicUs() });
    if (this.#ended.size > endedJobsMax) this.#forgetOldest();
    this.#timer ??= clock.setTimer(this.#options.retentionMs, () => this.#forgetExpired());
  }

  /** An ended job is deleted. */
  forget(id: JobId): void {
    this.#ended.delete(id);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #forgetOldest(): void {
    for (const id of this.#ended.keys()) {
      this.#ended.delete(id);
      return;
    }
  }

  #forgetExpired(): void {
    this.#timer = undefined;
    const { clock, retentionMs } = this.#options;
    const nowUs = clock.monotonicUs();
    for (const [id, { endedUs }] of this.#ended) {
      const restMs = retentionMs - (nowUs - endedUs) / 1000;
      if (restMs > 0) {
        this.#timer = clock.setTimer(restMs, () => this.#forgetExpired());
        return;
      }
      this.#ended.delete(id);
    }
  }
}

const exhausted = (message: string): SpiderError => new SpiderError('resource-exhausted', message);

function summaryOf(job: Job): KindSummaries | undefined {
  if (job.isBroken) return undefined;
  const summary = job.machine.kinds();
  return summary.kinds.length + summary.omitted > KEPT_KINDS ? undefined : summary;
}
