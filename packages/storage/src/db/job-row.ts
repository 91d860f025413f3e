import type { Labels, JobId, JobState, ResourceGroupId, TimestampMs } from '@spider/core';
import { toJobPolicy } from './job-policy-columns.ts';
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
  'durability',
  'failure_policy',
  'cleanup_after_failure',
  'deadline_ms',
  'deadline_at',
  'failed_tasks',
  'skipped_tasks',
  'end_reason',
  'requires',
  'max_concurrency',
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
  readonly durability: number | bigint | null;
  readonly failure_policy: number | bigint;
  readonly cleanup_after_failure: number | bigint;
  readonly deadline_ms: bigint | null;
  readonly deadline_at: bigint | null;
  readonly failed_tasks: number | bigint;
  readonly skipped_tasks: number | bigint;
  readonly end_reason: string | null;
  readonly requires: string | null;
  readonly max_concurrency: number | bigint;
}

export const toStoredJob = (row: JobRow): StoredJob => ({
  id: row.id as JobId,
  resourceGroupId: row.resource_group_id as ResourceGroupId,
  state: Number(row.state) as JobState,
  taskCount: Number(row.task_count),
  succeededTasks: Number(row.succeeded_tasks),
  failedAttempts: Number(row.failed_attempts),
  failedTasks: Number(row.failed_tasks),
  skippedTasks: Number(row.skipped_tasks),
  errorMessage: row.error_message ?? undefined,
  endReason: row.end_reason ?? undefined,
  submittedAt: Number(row.submitted_at) as TimestampMs,
  startedAt: toTimestamp(row.started_at),
  endedAt: toTimestamp(row.ended_at),
  metadata: {
    name: row.name,
    labels: toLabels(row.labels),
    priority: Number(row.priority),
    requires: toLabels(row.requires),
    maxConcurrency: Number(row.max_concurrency),
  },
  policy: toJobPolicy(row),
  retryOf: row.retry_of_job_id === null ? undefined : (row.retry_of_job_id as JobId),
  isDamaged: [row.labels, row.requires].some((text) => parseLabels(text) === undefined),
});

const toLabels = (text: string | null): Labels => parseLabels(text) ?? {};

/** Undefined if they are not what was written once: one row must not keep the others from being read. */
function parseLabels(text: string | null): Labels | undefined {
  if (text === null) return {};
  try {
    return JSON.parse(text) as Labels;
  } catch {
    return undefined;
  }
}

const toTimestamp = (value: bigint | null): TimestampMs | undefined =>
  value === null ? undefined : (Number(value) as TimestampMs);
