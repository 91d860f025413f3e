import {
  type Durability,
  type FailurePolicy,
  type JobId,
  type JobState,
  type ResourceGroupId,
  SpiderError,
  type TimestampMs,
  timestampMs,
  toId,
} from '@spider/core';
import {
  fromWireDurability,
  fromWireFailurePolicy,
  fromWireJobState,
  type JobStatus as WireJobStatus,
} from '@spider/proto';

/** How far a job is. */
export interface JobStatus {
  readonly jobId: JobId;
  readonly resourceGroupId: ResourceGroupId;
  /** One of `JobState`; `jobStateName` has its name. */
  readonly state: JobState;
  /** Tasks of the graph; a commit or cleanup task does not count. */
  readonly totalTasks: number;
  readonly succeededTasks: number;
  /**
   * Those of them whose success is durable: they never run again. Never goes back, whatever happens to
   * storage; with durability `job` it stays 0 until all of them are.
   */
  readonly flushedTasks: number;
  readonly runningTasks: number;
  /** Tasks that may run and wait for a free slot. */
  readonly readyTasks: number;
  /** Tasks that failed for good. */
  readonly failedTasks: number;
  /** Tasks that are not run because they depend on one that failed. */
  readonly skippedTasks: number;
  /** Attempts that failed so far, also those of tasks that succeeded later. */
  readonly failedAttempts: number;
  /** Why the job failed, or will once its cleanup task has ended. */
  readonly errorMessage: string | undefined;
  /**
   * Why the job was ended before its tasks had: what was given with the cancel, or the rule of storage
   * by which it was, such as the expiry of a job that nobody starts. Undefined for most.
   */
  readonly endReason: string | undefined;
  readonly submittedAtMs: TimestampMs;
  /** Undefined as long as it has not started. */
  readonly startedAtMs: TimestampMs | undefined;
  /** Undefined as long as it has not ended. */
  readonly endedAtMs: TimestampMs | undefined;
  /** As given with the submission; empty for none. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly requires: Readonly<Record<string, string>>;
  /** Undefined for any number. */
  readonly maxConcurrency: number | undefined;
  /**
   * Why ready tasks of the job cannot run for now, such as a label that no execution manager has.
   * Undefined if they can, or if none is ready.
   */
  readonly waitingReason: string | undefined;
  /** What of the job survives the death of storage; undefined for a job of an old version. */
  readonly durability: Durability | undefined;
  readonly failurePolicy: FailurePolicy | undefined;
  readonly cleanupAfterFailure: boolean;
  /** The time that the job has from its start to its end. Undefined for any. */
  readonly deadlineMs: number | undefined;
  /** When the job's time is over. Undefined for never, or not before it has started. */
  readonly deadlineAtMs: TimestampMs | undefined;
  /** The job that this one was submitted to retry; it may be deleted. Undefined for most. */
  readonly retryOfJobId: JobId | undefined;
}

/** @throws SpiderError 'internal' if the server sent no status, or a state that does not exist. */
export function fromWireJobStatus(status: WireJobStatus | undefined): JobStatus {
  if (status === undefined) throw new SpiderError('internal', 'the server sent no job status');
  const { submittedAtMs, startedAtMs, endedAtMs, deadlineAtMs } = status;
  return {
    jobId: toId(status.jobId),
    resourceGroupId: toId(status.resourceGroupId),
    state: fromWireJobState(status.state),
    totalTasks: status.totalTasks,
    succeededTasks: status.succeededTasks,
    flushedTasks: status.flushedTasks,
    runningTasks: status.runningTasks,
    readyTasks: status.readyTasks,
    failedTasks: status.failedTasks,
    skippedTasks: status.skippedTasks,
    failedAttempts: status.failedAttempts,
    errorMessage: status.errorMessage === '' ? undefined : status.errorMessage,
    endReason: status.endReason === '' ? undefined : status.endReason,
    submittedAtMs: timestampMs(Number(submittedAtMs)),
    startedAtMs: startedAtMs === 0n ? undefined : timestampMs(Number(startedAtMs)),
    endedAtMs: endedAtMs === 0n ? undefined : timestampMs(Number(endedAtMs)),
    name: status.name,
    labels: status.labels,
    priority: status.priority,
    requires: status.requires,
    maxConcurrency: status.maxConcurrency === 0 ? undefined : status.maxConcurrency,
    waitingReason: status.waitingReason === '' ? undefined : status.waitingReason,
    durability: fromWireDurability(status.durability),
    failurePolicy: fromWireFailurePolicy(status.failurePolicy),
    cleanupAfterFailure: status.cleanupAfterFailure,
    deadlineMs: status.deadlineMs === 0n ? undefined : Number(status.deadlineMs),
    deadlineAtMs: deadlineAtMs === 0n ? undefined : timestampMs(Number(deadlineAtMs)),
    retryOfJobId: status.retryOfJobId === 0n ? undefined : toId(status.retryOfJobId),
  };
}

/** Whether nothing has happened between two statuses of a job. */
export function isSameStatus(a: JobStatus, b: JobStatus): boolean {
  return (
    a.state === b.state &&
    a.succeededTasks === b.succeededTasks &&
    a.flushedTasks === b.flushedTasks &&
    a.runningTasks === b.runningTasks &&
    a.readyTasks === b.readyTasks &&
    a.waitingReason === b.waitingReason &&
    a.failedTasks === b.failedTasks &&
    a.skippedTasks === b.skippedTasks &&
    a.failedAttempts === b.failedAttempts
  );
}
