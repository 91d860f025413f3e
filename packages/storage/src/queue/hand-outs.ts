import { DeadlineQueue } from '@spider/runtime';
import type { Clock, Deadline } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import { laneOf } from './lane.ts';
import type { Lane } from './lane.ts';

export interface HandOutsOptions {
  readonly clock: Clock;
  /** How long a task may be on its way to an execution manager. */
  readonly timeoutMs: number;
  /** These tasks, those of them that nobody has leased, are lost; undefined means all of the job. */
  readonly onLost: (job: Job, taskIndexes: number[] | undefined) => void;
}

/** Hand-outs of so many parts of the timeout share a deadline. */
const BATCHES_PER_TIMEOUT = 8;

/** What was handed out in some part of the timeout. */
interface Batch {
  readonly tasks: Map<Job, number[]>;
  readonly deadline: Deadline;
  readonly closedUs: number;
}

/**
 * What was handed out to someone of whom nothing more is heard: each task comes back when it was not
 * leased within the timeout.
 */
export class HandOuts implements Disposable {
  readonly #options: HandOutsOptions;
  readonly #deadlines: DeadlineQueue;
  readonly #jobs = new Set<Job>();
  readonly #batches = new Set<Batch>();
  #latest: Batch | undefined;

  constructor(options: HandOutsOptions) {
    this.#options = options;
    this.#deadlines = new DeadlineQueue(options.clock);
  }

  add(job: Job, taskIndexes: readonly number[]): void {
    this.#jobs.add(job);
    const { tasks } = this.#openBatch();
    const ofJob = tasks.get(job);
    if (ofJob === undefined) tasks.set(job, [...taskIndexes]);
    else for (const taskIndex of taskIndexes) ofJob.push(taskIndex);
  }

  /** How many tasks of this kind are on their way. */
  count(lane: Lane): number {
    let count = 0;
    for (const job of this.#jobs) {
      const { handedOutCount, state } = job.machine;
      if (handedOutCount === 0 || job.isBroken) this.#jobs.delete(job);
      else if (laneOf(state) === lane) count += handedOutCount;
    }
    return count;
  }

  /** A job has ended. */
  forget(job: Job): void {
    this.#jobs.delete(job);
    for (const { tasks } of this.#batches) tasks.delete(job);
  }

  /** All that is on its way is lost. */
  loseAll(): void {
    const jobs = [...this.#jobs];
    this.#clear();
    for (const job of jobs) this.#options.onLost(job, undefined);
  }

  [Symbol.dispose](): void {
    this.#clear();
    this.#deadlines[Symbol.dispose]();
  }

  #openBatch(): Batch {
    const { clock, timeoutMs } = this.#options;
    const nowUs = clock.monotonicUs();
    if (this.#latest !== undefined && nowUs < this.#latest.closedUs) return this.#latest;
    const openMs = timeoutMs / BATCHES_PER_TIMEOUT;
    const batch: Batch = {
      tasks: new Map(),
      deadline: this.#deadlines.create(() => this.#expire(batch)),
      closedUs: nowUs + openMs * 1000,
    };
    batch.deadline.set(timeoutMs + openMs);
    this.#batches.add(batch);
    this.#latest = batch;
    return batch;
  }

  #expire(batch: Batch): void {
    this.#batches.delete(batch);
    for (const [job, taskIndexes] of batch.tasks) this.#options.onLost(job, taskIndexes);
  }

  #clear(): void {
    for (const { deadline } of this.#batches) deadline.clear();
    this.#batches.clear();
    this.#latest = undefined;
    this.#jobs.clear();
  }
}
