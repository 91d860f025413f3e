import { JobState } from '@spider/core';
import { expect, test } from 'vitest';
import { toStoredJob } from './job-row.ts';

const row: Parameters<typeof toStoredJob>[0] = {
  id: 7n,
  resource_group_id: 1n,
  state: BigInt(JobState.Running),
  task_count: 3,
  succeeded_tasks: 1,
  failed_attempts: 0,
  error_message: null,
  submitted_at: 1000n,
  started_at: 2000n,
  ended_at: null,
  name: 'a name',
  labels: '{"team":"blue"}',
  priority: 2,
  retry_of_job_id: null,
  durability: null,
  failure_policy: 1,
  cleanup_after_failure: 0,
  deadline_ms: null,
  deadline_at: null,
  failed_tasks: 0,
  skipped_tasks: 0,
  end_reason: null,
  requires: null,
  max_concurrency: 0,
};

test('a row is read whatever integers the engine answers', () => {
  const job = toStoredJob(row);
  expect(job).toMatchObject({ id: 7n, state: JobState.Running, taskCount: 3, startedAt: 2000 });
  expect(job.metadata).toMatchObject({ labels: { team: 'blue' }, requires: {} });
  expect(job.isDamaged).toBe(false);
});

test.each([{ labels: '{"team":' }, { requires: 'gpu' }])(
  'a row with %j is known as damaged',
  (part) => {
    const job = toStoredJob({ ...row, ...part });
    expect(job.isDamaged).toBe(true);
    expect(job).toMatchObject({ id: 7n, state: JobState.Running });
  },
);
