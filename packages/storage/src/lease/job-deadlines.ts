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
  readonly #ofJob = new Map<Job, Watch>();

  constructor({ clock, onDue }: JobDeadlinesOptions) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#queue = new DeadlineQueue(clock);
  }

  /** Jobs that are watched. */
  get size(): number {
    return this.#ofJob.size;
  }

  /** A job has come into memory, or has started, which may make its deadline an earlier one. */
  watch(job: Job): void {
    const dueAt = deadlineOf(job.policy, job.startedAt);
    if (dueAt === undefined) return;
    let watch = this.#ofJob.get(job);
    if (watch === undefined) {
      watch = new Watch(this.#queue, job, (due) => this.#meet(due));
      this.#ofJob.set(job, watch);
    }
    watch.deadline.set(Math.max(0, dueAt - this.#clock.now()));
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
    const dueAt = deadlineOf(job.policy, job.startedAt) ?? Infinity;
    // The clock of the day may have been set back.
    if (dueAt > this.#clock.now()) this.watch(job);
    else this.#onDue(job);
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
