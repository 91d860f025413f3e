import type { Job } from '../cache/job.ts';
import { JobLane } from './job-lane.ts';
import { Lane, laneOf, LANES } from './lane.ts';

/** Tasks that a job gives away before it is the next one's turn. */
const TASKS_PER_TURN = 256;

/**
 * The jobs that have ready tasks, each at most once, in lanes by the kind of these tasks. The tasks
 * stay with their jobs, so that a million of them cost nothing here. Jobs take turns.
 */
export class InboundQueue {
  readonly #lanes: Record<Lane, JobLane> = {
    [Lane.Commit]: new JobLane(Lane.Commit),
    [Lane.Cleanup]: new JobLane(Lane.Cleanup),
    [Lane.Regular]: new JobLane(Lane.Regular),
  };

  get isEmpty(): boolean {
    return LANES.every((lane) => this.#lanes[lane].isEmpty);
  }

  /** A job has ready tasks. Again, in the same state: no effect. */
  add(job: Job): void {
    const lane = laneOf(job.machine.state);
    if (job.queuedIn === lane) return;
    this.remove(job);
    this.#lanes[lane].push(job);
  }

  /** A job has ended. */
  remove(job: Job): void {
    if (job.queuedIn !== undefined) this.#lanes[job.queuedIn].remove(job);
  }

  /**
   * Takes up to `most` tasks, which count as handed out from now on. Answers how many.
   */
  take(most: number, take: (job: Job, taskIndexes: number[]) => void): number {
    let taken = 0;
    for (const lane of LANES) taken += this.takeFrom(lane, most - taken, take);
    return taken;
  }

  /** As `take`, from one lane. */
  takeFrom(lane: Lane, most: number, take: (job: Job, taskIndexes: number[]) => void): number {
    const jobs = this.#lanes[lane];
    let taken = 0;
    while (taken < most) {
      const job = jobs.shift();
      if (job === undefined) break;
      // It is added again, or never.
      if (job.isBroken || job.isHeld) continue;
      const taskIndexes: number[] = [];
      job.machine.takeReady(Math.min(most - taken, TASKS_PER_TURN), taskIndexes);
      if (job.machine.hasReady) this.add(job);
      if (taskIndexes.length === 0) continue;
      taken += taskIndexes.length;
      take(job, taskIndexes);
    }
    return taken;
  }
}
