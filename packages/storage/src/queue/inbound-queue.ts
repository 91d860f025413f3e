import { type Eligibility, FairQueue, requirementKey, type Sharing } from '@spider/core';
import type { Job } from '../cache/job.ts';
import type { ConcurrencyLimits } from './concurrency-limits.ts';
import { JobPlace, type QueuedJob } from './job-place.ts';
import { Lane, laneOf, LANES } from './lane.ts';

/** Tasks that a job gives away before it is the next one's turn, and the share of what is asked for. */
const TASKS_PER_TURN = 256;
const TURNS_PER_TAKE = 8;

/** Whoever is not told about takes tasks that require nothing. */
const UNDEMANDING: Eligibility = {
  resourceGroupIds: undefined,
  meets: (requirement) => requirement === '',
};

export type TakeTasks = (job: Job, taskIndexes: number[]) => void;

/**
 * The jobs that have ready tasks, each at most once, in lanes by the kind of these tasks. The tasks
 * stay with their jobs, so that a million of them cost nothing here. In each lane resource groups
 * share by weight, and jobs by priority; see `FairQueue`.
 */
export class InboundQueue {
  readonly #lanes: Record<Lane, FairQueue<QueuedJob<Job>>> = {
    [Lane.Commit]: new FairQueue(),
    [Lane.Cleanup]: new FairQueue(),
    [Lane.Regular]: new FairQueue(),
  };

  readonly #limits: ConcurrencyLimits | undefined;

  constructor(limits?: ConcurrencyLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return LANES.every((lane) => this.#lanes[lane].isEmpty);
  }

  /** Shares otherwise from now on. */
  share(sharing: Sharing): void {
    for (const lane of LANES) this.#lanes[lane].share(sharing);
  }

  /** A resource group may give regular tasks again that was at its limit. */
  release(resourceGroupId: number): void {
    this.#lanes[Lane.Regular].release(resourceGroupId);
  }

  /** A job has ready tasks. Again, in the same state: no effect. */
  add(job: Job): void {
    const lane = laneOf(job.machine.state);
    if (job.place?.lane !== lane) {
      this.remove(job);
      job.place = new JobPlace(toQueued(job), lane);
    }
    this.#lanes[lane].enter(job.place);
  }

  /** A job has nothing to give. Again: no effect. */
  remove({ place }: Job): void {
    if (place !== undefined) this.#lanes[place.lane].leave(place);
  }

  /**
   * Takes up to `most` tasks, which count as handed out from now on. Answers how many.
   *
   * @param eligibility By default only tasks that anybody may run.
   */
  take(most: number, take: TakeTasks, eligibility = UNDEMANDING): number {
    let taken = 0;
    for (const lane of LANES) taken += this.takeFrom(lane, most - taken, take, eligibility);
    return taken;
  }

  /** As `take`, from one lane. */
  takeFrom(lane: Lane, most: number, take: TakeTasks, eligibility = UNDEMANDING): number {
    const queue = this.#lanes[lane];
    const perTurn = Math.min(TASKS_PER_TURN, Math.ceil(most / TURNS_PER_TAKE));
    let taken = 0;
    let last: Job | undefined;
    let taskIndexes: number[] = [];
    while (taken < most) {
      const place = queue.first(eligibility);
      if (place === undefined) break;
      const { job } = place.job;
      if (job !== last) {
        if (last !== undefined && taskIndexes.length > 0) take(last, taskIndexes);
        last = job;
        taskIndexes = [];
      }
      const limits = lane === Lane.Regular ? this.#limits : undefined;
      if (limits?.holdsGroupOf(job) === true) {
        queue.hold(job.resourceGroupNumber);
        continue;
      }
      // Of a job that is broken or held nothing goes now. It is added again, or never.
      const isHeld = job.isBroken || job.isHeld;
      const room = isHeld ? 0 : Math.min(most - taken, perTurn, limits?.room(job) ?? Infinity);
      const count = job.machine.takeReady(room, taskIndexes, limits?.kindRoom);
      queue.charge(place, count);
      if (count === 0 || !job.machine.hasReady) queue.leave(place);
      if (limits !== undefined && !isHeld) {
        limits.changed(job);
        if (count === 0 && job.machine.hasReady) limits.keepBack(job);
      }
      taken += count;
    }
    if (last !== undefined && taskIndexes.length > 0) take(last, taskIndexes);
    return taken;
  }
}

const toQueued = (job: Job): QueuedJob<Job> => ({
  job,
  resourceGroupId: job.resourceGroupNumber,
  priority: job.metadata.priority,
  criticalPath: job.machine.criticalPath,
  requirement: requirementKey(job.metadata.requires),
});
