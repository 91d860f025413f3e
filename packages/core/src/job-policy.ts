import type { TimestampMs } from './time.ts';

/**
 * What survives the death of storage. `job`: the states of jobs; a running job starts over. `task`:
 * every finished task as well, once it is flushed. `sync`: as `task`, and nothing goes on from a
 * finished task before it is flushed.
 */
export type Durability = 'job' | 'task' | 'sync';

/**
 * What becomes of a job when a task has failed for good. `fail-fast`: the job fails at once. `continue`:
 * all that does not depend on the task still runs, then the job fails.
 */
export type FailurePolicy = 'fail-fast' | 'continue';

/** How a job is run. Chosen with its submission, never changed afterwards. */
export interface JobPolicy {
  /** Undefined for what storage does by default. */
  readonly durability: Durability | undefined;
  readonly failurePolicy: FailurePolicy;
  /** Whether the cleanup task also runs when the job fails. */
  readonly cleanupAfterFailure: boolean;
  /** The job fails if it has not ended so long after its start. Undefined for never. */
  readonly deadlineMs: number | undefined;
  /** The job fails if it has not ended at this time. Undefined for never. */
  readonly deadlineAt: TimestampMs | undefined;
}

export const DEFAULT_JOB_POLICY: JobPolicy = {
  durability: undefined,
  failurePolicy: 'fail-fast',
  cleanupAfterFailure: false,
  deadlineMs: undefined,
  deadlineAt: undefined,
};
