import { jobStateName } from '@spider/core';
import type { JobId, JobPolicy, JobState, ResourceGroupId, TimestampMs } from '@spider/core';
import type { StoredJob } from '../db/job-store.ts';
import type { JobMetadata } from '../job-metadata.ts';

/** What everyone may know of a job. */
export interface JobStatus {
  readonly id: JobId;
  readonly resourceGroupId: ResourceGroupId;
  readonly state: JobState;
  /** Counts of regular tasks. */
  readonly totalTasks: number;
  readonly succeededTasks: number;
  /** Those of them whose success is durable. Never goes back, whatever happens to storage. */
  readonly flushedTasks: number;
  readonly failedTasks: number;
  readonly skippedTasks: number;
  readonly runningTasks: number;
  readonly readyTasks: number;
  /** Attempts that failed so far, retried ones included. */
  readonly failedAttempts: number;
  readonly errorMessage: string | undefined;
  /** Why the job was ended before its tasks had. */
  readonly endReason: string | undefined;
  readonly submittedAt: TimestampMs;
  readonly startedAt: TimestampMs | undefined;
  readonly endedAt: TimestampMs | undefined;
  readonly metadata: JobMetadata;
  /** Why its ready tasks cannot run for now. */
  readonly waitingReason?: string | undefined;
  readonly policy: JobPolicy;
  /** The job that this one was submitted to retry. */
  readonly retryOf: JobId | undefined;
}

/** The status of a job that is not in memory: nothing of it runs. */
export const storedJobStatus = (job: StoredJob): JobStatus => ({
  id: job.id,
  resourceGroupId: job.resourceGroupId,
  state: job.state,
  totalTasks: job.taskCount,
  succeededTasks: job.succeededTasks,
  flushedTasks: job.succeededTasks,
  failedTasks: job.failedTasks,
  skippedTasks: job.skippedTasks,
  runningTasks: 0,
  readyTasks: 0,
  failedAttempts: job.failedAttempts,
  errorMessage: job.errorMessage,
  endReason: job.endReason,
  submittedAt: job.submittedAt,
  startedAt: job.startedAt,
  endedAt: job.endedAt,
  metadata: job.metadata,
  policy: job.policy,
  retryOf: job.retryOf,
});

/** For messages: `job 17 is SUCCEEDED`. */
export const describeState = (status: Pick<JobStatus, 'id' | 'state'>): string =>
  `job ${status.id} is ${jobStateName(status.state)}`;
