import {
  DEFAULT_JOB_POLICY,
  type Durability,
  type FailurePolicy,
  invalidArgument,
} from '@spider/core';
import { toWireDurability, toWireFailurePolicy } from '@spider/proto';

/** How a job is run. A job's definition may say it, and each submission otherwise. */
export interface JobPolicyOptions {
  /**
   * What of the job survives the death of storage. `job`: the job with its state; a running one starts
   * over. `task`: every finished task as well, once it is on disk, which takes a few milliseconds.
   * `sync`: as `task`, and nothing goes on from a finished task before it is on disk. Default: what
   * storage is configured to, `task` unless told otherwise.
   */
  readonly durability?: Durability;
  /**
   * What becomes of the job when a task has failed for good. `fail-fast`: it fails at once. `continue`:
   * the tasks that depend on the failed one are skipped, all others still run, then the job fails.
   * Default: `fail-fast`.
   */
  readonly failurePolicy?: FailurePolicy;
  /**
   * Whether the cleanup task, if the job has one, also runs after a task has failed for good. It runs
   * after a cancel and a deadline in any case. Default: false.
   */
  readonly cleanupAfterFailure?: boolean;
  /**
   * The job fails if it has not ended so many milliseconds after its start, at most a year. What runs is
   * stopped, and the cleanup task runs if there is one. Default: never.
   */
  readonly deadlineMs?: number;
  /**
   * The same at a time, in milliseconds since the epoch. A job that has not started by then is cancelled.
   * With both deadlines the earlier one counts. Default: never.
   */
  readonly deadlineAtMs?: number;
}

/**
 * The fields of a submission that say how its job is run.
 *
 * @throws SpiderError 'invalid-argument' if a time is no positive integer.
 */
export const toWirePolicy = (options: JobPolicyOptions) => ({
  durability: toWireDurability(options.durability),
  failurePolicy: toWireFailurePolicy(options.failurePolicy ?? DEFAULT_JOB_POLICY.failurePolicy),
  cleanupAfterFailure: options.cleanupAfterFailure ?? false,
  deadlineMs: toWireTime('deadlineMs', options.deadlineMs),
  deadlineAtMs: toWireTime('deadlineAtMs', options.deadlineAtMs),
});

function toWireTime(name: string, ms: number | undefined): bigint {
  if (ms === undefined) return 0n;
  if (Number.isSafeInteger(ms) && ms >= 1) return BigInt(ms);
  throw invalidArgument(`${name}: ${ms} is not a whole number of milliseconds of at least 1`);
}
