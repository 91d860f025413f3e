import { assert, FairPlace, FairQueue, type Sharing } from '@spider/core';

import type { QueuedJob, SchedulingPolicy, Turn } from '../machine/scheduling-policy.ts';
import { JobPhase } from '../machine/scheduling-policy.ts';

/** Tasks of a turn: few enough that jobs alternate quickly, enough that the choice costs little. */
const TASKS_PER_TURN = 32;

/**
 * Resource groups share by weight, their jobs by priority, and those of the same priority equally.
 * What ends a job goes before all else, and what came back before the rest of its job.
 */
export class WeightedFairPolicy<Job extends QueuedJob> implements SchedulingPolicy<Job> {
  readonly #regular: FairQueue<Job>;
  readonly #last: FairQueue<Job>;
  readonly #places = new Map<Job, FairPlace<Job>>();
  #turn: { job: Job; count: number } | undefined;

  constructor(sharing: Sharing) {
    this.#regular = new FairQueue(sharing);
    this.#last = new FairQueue(sharing);
  }

  added(job: Job): void {
    let place = this.#places.get(job);
    if (place === undefined) {
      place = new FairPlace(job);
      this.#places.set(job, place);
    }
    this.#queueOf(job).enter(place);
  }

  returned(job: Job): void {
    this.added(job);
  }

  removed(job: Job): void {
    const place = this.#places.get(job);
    if (place === undefined) return;
    this.#queueOf(job).leave(place);
    this.#places.delete(job);
  }

  next(limit: number): Turn<Job> {
    const queue = this.#last.isEmpty ? this.#regular : this.#last;
    const place = queue.first();
    assert(place !== undefined, 'a policy is asked for a turn only while tasks wait');
    const { job } = place;
    const count = Math.min(limit, job.waiting, TASKS_PER_TURN);
    queue.charge(place, count);
    if (count === job.waiting) this.removed(job);
    const turn = (this.#turn ??= { job, count });
    turn.job = job;
    turn.count = count;
    return turn;
  }

  #queueOf({ phase }: Job): FairQueue<Job> {
    return phase === JobPhase.Regular ? this.#regular : this.#last;
  }
}
