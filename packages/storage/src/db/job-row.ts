import type { JobId, JobState, ResourceGroupId, TimestampMs } from '@spider/core';
import type { StoredJob } from './job-store.ts';

/** What is read of a job. */
export const JOB_COLUMNS = [
  'id',
  'resource_group_id',
  'state',
  'task_count',
  'succeeded_tasks',
  'failed_attempts',
  'error_message',
  'submitted_at',
  'started_at',
  'ended_at',
  'name',
  'labels',
  'priority',
  'retry_of_job_id',
] as const;

interface JobRow {
  readonly id: bigint;
  readonly resource_group_id: bigint;
  readonly state: number | bigint;
  readonly task_count: number | bigint;
  readonly succeeded_tasks: number | bigint;
  readonly failed_attempts: number | bigint;
  readonly error_message: string | null;
  readonly submitted_at: bigint;
  readonly started_at: bigint | null;
  readonly ended_at: bigint | null;
  readonly name: string;
  readonly labels: string | null;
  readonly priority: number | bigint;
  readonly retry_of_job_id: bigint | null;
}

export const toStoredJob = (row: JobRow): StoredJob => ({
  id: row.id as JobId,
  resourceGroupId: row.resource_group_id as ResourceGroupId,
  state: Number(row.state) as JobState,
  taskCount: Number(row.task_count),
  succeededTasks: Number(row.succeeded_tasks),
  failedAttempts: Number(row.failed_attempts),
  errorMessage: row.error_message ?? undefined,
  submittedAt: Number(row.submitted_at) as TimestampMs,
  startedAt: toTimestamp(row.started_at),
  endedAt: toTimestamp(row.ended_at),
  metadata: {
    name: row.name,
    labels: row.labels === null ? {} : (JSON.parse(row.labels) as Record<string, string>),
    priority: Number(row.priority),
  },
  retryOf: row.retry_of_job_id === null ? undefined : (row.retry_of_job_id as JobId),
});

const toTimestamp = (value: bigint | null): TimestampMs | undefined =>
  value === null ? undefined : (Number(value) as TimestampMs);
