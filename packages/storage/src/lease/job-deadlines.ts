import { DeadlineQueue } from '@spider/runtime';
import type { Clock, Deadline } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import { deadlineOf } from '../job-deadline.ts';

export interface JobDeadlinesOptions {
  readonly clock: Clock;
  /** The time of a job is over. */
  readonly onDue: (job: Job) => void;
}

/** Watches the deadlines of all jobs in memory that have one, with one timer. */
export class JobDeadlines implements Disposable {
  readonly #clock: Clock;
  readonly #onDue: JobDeadlinesOptions['onDue'];
  readonly #queue: DeadlineQueue;
  readonly #ofJob = new Map<Job, Deadline>();

  constructor({ clock, onDue }: JobDeadlinesOptions) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#queue = new DeadlineQueue(clock);
  }

  /** A job has come into memory, or has started, which may make its deadline an earlier one. */
  watch(job: Job): void {
    const dueAt = deadlineOf(job.policy, job.startedAt);
    if (dueAt === undefined) return;
    let deadline = this.#ofJob.get(job);
    if (deadline === undefined) {
      deadline = this.#queue.create(() => this.#meet(job));
      this.#ofJob.set(job, deadline);
    }
    deadline.set(Math.max(0, dueAt - this.#clock.now()));
  }

  /** A job has ended. */
  forget(job: Job): void {
    this.#ofJob.get(job)?.clear();
    this.#ofJob.delete(job);
  }

  [Symbol.dispose](): void {
    this.#queue[Symbol.dispose]();
    this.#ofJob.clear();
  }

  #meet(job: Job): void {
    const dueAt = deadlineOf(job.policy, job.startedAt) ?? Infinity;
    // The clock of the day may have been set back.
    if (dueAt > this.#clock.now()) this.watch(job);
    else this.#onDue(job);
  }
}
