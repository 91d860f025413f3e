import { JobState } from '@spider/core';
import { DeadlineQueue } from '@spider/runtime';
import type { Clock, Deadline } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import { deadlineOf } from '../job-deadline.ts';

export interface JobDeadlinesOptions {
  readonly clock: Clock;
  /** The time of a job is over. */
  readonly onDue: (job: Job) => void;
  /** How long the cleanup task of a job may wait for somebody to run it. */
  readonly cleanupWaitMs: number;
  /** A job has been CLEANUP_READY for so long since it was last asked. */
  readonly onCleanupOverdue: (job: Job) => void;
}

/**
 * Watches the deadlines of all jobs in memory that have one, with one timer. That of a job which is
 * being cleaned up has been met; it is watched for a cleanup task that nobody runs.
 */
export class JobDeadlines implements Disposable {
  readonly #clock: Clock;
  readonly #options: JobDeadlinesOptions;
  readonly #queue: DeadlineQueue;
  readonly #ofJob = new Map<Job, Watch>();

  constructor(options: JobDeadlinesOptions) {
    this.#clock = options.clock;
    this.#options = options;
    this.#queue = new DeadlineQueue(options.clock);
  }

  /** Jobs that are watched. */
  get size(): number {
    return this.#ofJob.size;
  }

  /** A job has come into memory, has started, or is to be cleaned up, which changes its deadline. */
  watch(job: Job): void {
    if (job.machine.state === JobState.CleanupReady) {
      this.#set(job, this.#options.cleanupWaitMs);
      return;
    }
    const dueAt = deadlineOf(job.policy, job.startedAt);
    if (dueAt !== undefined) this.#set(job, Math.max(0, dueAt - this.#clock.now()));
  }

  #set(job: Job, delayMs: number): void {
    let watch = this.#ofJob.get(job);
    if (watch === undefined) {
      watch = new Watch(this.#queue, job, (due) => this.#meet(due));
      this.#ofJob.set(job, watch);
    }
    watch.deadline.set(delayMs);
  }

  /** A job has ended. */
  forget(job: Job): void {
    this.#ofJob.get(job)?.stop();
    this.#ofJob.delete(job);
  }

  [Symbol.dispose](): void {
    this.#queue[Symbol.dispose]();
    this.#ofJob.clear();
  }

  #meet(job: Job): void {
    if (job.machine.state === JobState.CleanupReady) {
      this.watch(job);
      this.#options.onCleanupOverdue(job);
      return;
    }
    const dueAt = deadlineOf(job.policy, job.startedAt) ?? Infinity;
    // The clock of the day may have been set back.
    if (dueAt > this.#clock.now()) this.watch(job);
    else this.#options.onDue(job);
  }
}

/** A job's deadline. The queue keeps it for a while after it was cleared, but not its job. */
class Watch {
  readonly deadline: Deadline;
  #job: Job | undefined;

  constructor(queue: DeadlineQueue, job: Job, onDue: (job: Job) => void) {
    this.#job = job;
    this.deadline = queue.create(() => {
      if (this.#job !== undefined) onDue(this.#job);
    });
  }

  stop(): void {
    this.#job = undefined;
    this.deadline.clear();
  }
}
