import type { FairJob, Sharing } from '@spider/core';

/**
 * What a job's waiting tasks are. A job has tasks of one phase at a time: a later one voids what
 * waits of an earlier one.
 */
export const JobPhase = {
  Regular: 0,
  Commit: 1,
  Cleanup: 2,
} as const;

export type JobPhase = (typeof JobPhase)[keyof typeof JobPhase];

/** A job with waiting tasks, as a policy sees it. The object is the same for as long as any wait. */
export interface QueuedJob extends FairJob {
  readonly jobId: number;
  readonly phase: JobPhase;
  /** How many of its tasks wait to be assigned. */
  readonly waiting: number;
}

/** A job's turn: so many of its tasks go now, oldest first. */
export interface Turn<Job extends QueuedJob> {
  readonly job: Job;
  readonly count: number;
}

/**
 * Chooses which job's tasks are assigned next. It keeps whatever order it needs and is told of each
 * change; it sees jobs and counts, never tasks, and has neither clock nor randomness. Within a job
 * the order is always that of arrival.
 */
export interface SchedulingPolicy<Job extends QueuedJob = QueuedJob> {
  /** That many tasks of the job, at least one, have joined those that wait. */
  added(job: Job, count: number): void;
  /** That many tasks of the job, at least one, came back from a lost execution manager. */
  returned(job: Job, count: number): void;
  /** None of the job's tasks waits any more, for another reason than their turn. */
  removed(job: Job): void;
  /**
   * Takes the next turn; asked only while tasks wait.
   *
   * @param limit How many tasks there is room for.
   * @returns A job and a count of at least 1 and at most `limit` and what waits of the job. The
   * object is valid until the next call.
   */
  next(limit: number): Turn<Job>;
}

export interface SchedulingPolicyOptions {
  readonly sharing: Sharing;
  /** How many jobs `round_robin` has in its rotation. */
  readonly activeJobs: number;
}

/** A policy as it can be chosen. */
export interface SchedulingPolicyDefinition {
  /** Makes one for a pool of execution managers. */
  create<Job extends QueuedJob>(options: SchedulingPolicyOptions): SchedulingPolicy<Job>;
  /**
   * How many ready tasks wait here: about as many as execution managers take while more is fetched,
   * so that storage can still decide which come next, or as many as are allowed.
   */
  readonly buffer: 'demand' | 'capacity';
  /** Whether a task that waits already is not to be added again. */
  readonly deduplicates: boolean;
}
