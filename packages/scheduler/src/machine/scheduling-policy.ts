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
export interface QueuedJob {
  readonly jobId: number;
  readonly resourceGroupId: number;
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

/** Makes a policy for one machine. */
export type SchedulingPolicyFactory = <Job extends QueuedJob>() => SchedulingPolicy<Job>;
