import { assert } from '@spider/core';

import {
  JobPhase,
  type QueuedJob,
  type SchedulingPolicy,
  type Turn,
} from '../machine/scheduling-policy.ts';

/** A job in the rotation, or one that waits for a place in it. */
interface Seat<Job> {
  readonly jobId: number;
  /** Undefined while nothing of it waits. */
  job: Job | undefined;
}

const COMMIT_LANE = 0;
const CLEANUP_LANE = 1;
const LANES = 2;

/**
 * The reference's rotation. A round is: as many commit tasks as jobs may be active, one cleanup task,
 * and one task of each active job. Further jobs wait, first come, first served, until an active one
 * has nothing left when its turn comes. The place of the one that leaves is taken by the last of the
 * rotation, and the one that enters goes to its end.
 */
export class RoundRobinPolicy<Job extends QueuedJob> implements SchedulingPolicy<Job> {
  readonly #activeMax: number;
  readonly #commits = new Set<Job>();
  readonly #cleanups = new Set<Job>();
  readonly #active: Seat<Job>[] = [];
  /** In the order in which they came. */
  readonly #pending = new Map<number, Seat<Job>>();
  readonly #seats = new Map<number, Seat<Job>>();
  /** Whose turn is next: one of the lanes, or an active job behind them. */
  #cursor = COMMIT_LANE;
  /** Commit tasks that are left of the lane's turn. */
  #commitsLeft = 0;
  #turn: { job: Job; count: number } | undefined;

  /** @param activeJobs how many jobs are in the rotation at most; at least 1. */
  constructor(activeJobs: number) {
    this.#activeMax = activeJobs;
  }

  added(job: Job): void {
    if (job.phase === JobPhase.Regular) this.#sit(job);
    else this.#finalize(job);
  }

  returned(job: Job): void {
    this.added(job);
  }

  removed(job: Job): void {
    this.#commits.delete(job);
    this.#cleanups.delete(job);
    if (this.#seats.get(job.jobId)?.job === job) this.#vacate(job.jobId);
  }

  next(): Turn<Job> {
    // Every active job may have to leave first; then the first pending one has its turn.
    let job = this.#visit();
    for (let visits = 2 * (this.#active.length + LANES) + 2; visits > 0; visits--) {
      job ??= this.#visit();
    }
    assert(job !== undefined, 'a policy is asked for a turn only while tasks wait');
    const turn = (this.#turn ??= { job, count: 1 });
    turn.job = job;
    return turn;
  }

  #visit(): Job | undefined {
    if (this.#commitsLeft > 0) return this.#visitCommits();
    const at = this.#cursor;
    this.#cursor = (at + 1) % (LANES + this.#active.length);
    if (at === COMMIT_LANE) {
      this.#commitsLeft = this.#activeMax;
      return this.#visitCommits();
    }
    if (at === CLEANUP_LANE) return takeFirst(this.#cleanups);
    return this.#visitSeat(at - LANES);
  }

  #visitCommits(): Job | undefined {
    const job = takeFirst(this.#commits);
    this.#commitsLeft = job === undefined ? 0 : this.#commitsLeft - 1;
    return job;
  }

  #visitSeat(at: number): Job | undefined {
    const seat = this.#active[at];
    if (seat === undefined) return undefined;
    const { job } = seat;
    if (job === undefined) this.#retire(seat, at);
    else if (job.waiting === 1) seat.job = undefined;
    return job;
  }

  #sit(job: Job): void {
    const known = this.#seats.get(job.jobId);
    if (known !== undefined) {
      known.job = job;
      return;
    }
    const seat = { jobId: job.jobId, job };
    this.#seats.set(job.jobId, seat);
    if (this.#active.length < this.#activeMax) this.#active.push(seat);
    else this.#pending.set(job.jobId, seat);
  }

  #finalize(job: Job): void {
    this.#vacate(job.jobId);
    this.#commits.delete(job);
    if (job.phase === JobPhase.Commit) this.#commits.add(job);
    else this.#cleanups.add(job);
  }

  #vacate(jobId: number): void {
    const seat = this.#seats.get(jobId);
    if (seat === undefined) return;
    if (this.#pending.delete(jobId)) this.#seats.delete(jobId);
    else this.#retire(seat, this.#active.indexOf(seat));
  }

  #retire(seat: Seat<Job>, at: number): void {
    this.#seats.delete(seat.jobId);
    const last = this.#active.pop();
    if (last !== undefined && last !== seat) this.#active[at] = last;
    for (const [jobId, pending] of this.#pending) {
      this.#pending.delete(jobId);
      this.#active.push(pending);
      break;
    }
    if (this.#cursor >= LANES + this.#active.length) this.#cursor = COMMIT_LANE;
  }
}

function takeFirst<Item>(items: Set<Item>): Item | undefined {
  for (const item of items) {
    items.delete(item);
    return item;
  }
  return undefined;
}
