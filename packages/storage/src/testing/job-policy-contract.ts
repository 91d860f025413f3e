import { ID_MAX, JobState, toId } from '@spider/core';
import type { JobId, JobPolicy, ResourceGroupId, TimestampMs } from '@spider/core';
import { describe, expect, test } from 'vitest';
import type { JobStateChange, JobStore, Store } from '../db/job-store.ts';

async function insert(jobs: JobStore, policy: JobPolicy | undefined): Promise<JobId> {
  const submission = {
    resourceGroupId: toId<ResourceGroupId>(0),
    idempotencyKey: undefined,
    state: JobState.Running,
    taskCount: 3,
    graph: new Uint8Array(1),
    inputs: new Uint8Array(1),
    submittedAt: 1000 as TimestampMs,
    policy,
  };
  const { submissions } = await jobs.commit({
    submissions: [submission],
    journal: [],
    changes: [],
  });
  const [result] = submissions;
  if (result?.kind !== 'job') throw new Error('no such resource group');
  return result.job.id;
}

async function change(jobs: JobStore, more: Partial<JobStateChange>): Promise<void> {
  const all = {
    jobId: toId<JobId>(0),
    from: JobState.Running,
    to: JobState.CleanupReady,
    at: 2000 as TimestampMs,
    succeededTasks: 0,
    failedTasks: 0,
    skippedTasks: 0,
    failedAttempts: 0,
    deleteJournal: false,
    ...more,
  };
  await jobs.commit({ submissions: [], journal: [], changes: [all] });
}

/** What every database must keep of how jobs are run, and of how they ended. */
export function describeJobPolicies(
  name: string,
  withDatabase: (run: (open: () => Promise<Store>) => Promise<void>) => Promise<void>,
): void {
  const withStore = (run: (store: Store) => Promise<void>) => () =>
    withDatabase(async (open) => {
      await using store = await open();
      await run(store);
    });

  describe(`the policy of a job on ${name}`, () => {
    const policies: JobPolicy[] = [
      {
        durability: 'sync',
        failurePolicy: 'continue',
        cleanupAfterFailure: true,
        deadlineMs: 31_536_000_000,
        deadlineAt: 1_800_000_000_000 as TimestampMs,
      },
      {
        durability: 'job',
        failurePolicy: 'fail-fast',
        cleanupAfterFailure: false,
        deadlineMs: undefined,
        deadlineAt: undefined,
      },
    ];

    test.each(policies)(
      'is kept as it was submitted: $durability, $failurePolicy',
      async (policy) =>
        await withStore(async ({ jobs }) => {
          const id = await insert(jobs, policy);
          expect(await jobs.findJob(id)).toMatchObject({ policy });
          expect(await jobs.listUnfinishedJobs(toId<JobId>(0), 10)).toMatchObject([{ policy }]);
          const all = { states: [], labels: {}, namePrefix: '' };
          expect(await jobs.listJobs(all, toId<JobId>(ID_MAX), 10)).toMatchObject([{ policy }]);
        })(),
    );
  });

  describe(`the end of a job on ${name}`, () => {
    test(
      'has the counts of its tasks, and the reason that was given first',
      withStore(async ({ jobs }) => {
        const jobId = await insert(jobs, undefined);
        await change(jobs, { jobId, endReason: 'zu teuer 💸', skippedTasks: 1 });
        const to = JobState.Cancelled;
        const counts = { succeededTasks: 1, failedTasks: 2, skippedTasks: 3, failedAttempts: 4 };
        await change(jobs, { jobId, from: JobState.CleanupReady, to, ...counts });
        expect(await jobs.findJob(jobId)).toMatchObject({ ...counts, endReason: 'zu teuer 💸' });
      }),
    );
  });
}
