import { assert } from '@spider/core';

import type { QueuedJob, SchedulingPolicy, Turn } from '../machine/scheduling-policy.ts';
import { RunQueue } from './run-queue.ts';

/**
 * First come, first served over all tasks; what comes back goes first, since it has waited already.
 * Fair among jobs only as far as the order in which storage hands out is, which takes turns.
 */
export class FifoPolicy<Job extends QueuedJob> implements SchedulingPolicy<Job> {
  readonly #queue = new RunQueue<Job>();
  #turn: { job: Job; count: number } | undefined;

  added(job: Job, count: number): void {
    this.#queue.push(job, count);
  }

  returned(job: Job, count: number): void {
    this.#queue.unshift(job, count);
  }

  removed(job: Job): void {
    this.#queue.remove(job);
  }

  next(limit: number): Turn<Job> {
    const job = this.#queue.first();
    assert(job !== undefined, 'a policy is asked for a turn only while tasks wait');
    const count = this.#queue.takeFirst(limit);
    const turn = (this.#turn ??= { job, count });
    turn.job = job;
    turn.count = count;
    return turn;
  }
}
