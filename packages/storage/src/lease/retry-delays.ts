import { DeadlineQueue } from '@spider/runtime';
import type { Clock, Deadline } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { RetryLaterEffect } from '../machine/job-effect.ts';

export interface RetryDelaysOptions {
  readonly clock: Clock;
  readonly onDue: (job: Job, taskIndices: readonly number[]) => void;
}

/** Tells jobs when tasks that failed may be tried again. Until then they keep no slot and no credit. */
export class RetryDelays implements Disposable {
  readonly #deadlines: DeadlineQueue;
  readonly #onDue: RetryDelaysOptions['onDue'];
  readonly #ofJob = new Map<Job, Set<Deadline>>();

  constructor({ clock, onDue }: RetryDelaysOptions) {
    this.#deadlines = new DeadlineQueue(clock);
    this.#onDue = onDue;
  }

  add(job: Job, { taskIndices, delaysMs }: RetryLaterEffect): void {
    const byDelay = new Map<number, number[]>();
    taskIndices.forEach((taskIndex, at) => {
      const delayMs = delaysMs[at] ?? 0;
      const tasks = byDelay.get(delayMs);
      if (tasks === undefined) byDelay.set(delayMs, [taskIndex]);
      else tasks.push(taskIndex);
    });
    for (const [delayMs, tasks] of byDelay) this.#wait(job, delayMs, tasks);
  }

  /** A job has ended. */
  forget(job: Job): void {
    for (const deadline of this.#ofJob.get(job) ?? []) deadline.clear();
    this.#ofJob.delete(job);
  }

  [Symbol.dispose](): void {
    this.#deadlines[Symbol.dispose]();
    this.#ofJob.clear();
  }

  #wait(job: Job, delayMs: number, taskIndices: readonly number[]): void {
    let ofJob = this.#ofJob.get(job);
    if (ofJob === undefined) {
      ofJob = new Set();
      this.#ofJob.set(job, ofJob);
    }
    const deadline = this.#deadlines.create(() => {
      this.#ofJob.get(job)?.delete(deadline);
      this.#onDue(job, taskIndices);
    });
    ofJob.add(deadline);
    deadline.set(delayMs);
  }
}
