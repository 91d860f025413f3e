import { ID_MAX, JobState, LIMITS, toId } from '@spider/core';
import type { JobId, ResourceGroupId, TimestampMs } from '@spider/core';
import { describe, expect, test } from 'vitest';
import type { InsertedJob, JobStore, NewJob, NewRetry, Store } from '../db/job-store.ts';

const newJob = (retry?: NewRetry): NewJob => ({
  resourceGroupId: toId<ResourceGroupId>(0),
  idempotencyKey: retry && 'again',
  state: JobState.Running,
  taskCount: 3,
  graph: new Uint8Array(1),
  inputs: new Uint8Array(1),
  submittedAt: 1000 as TimestampMs,
  retry,
});

async function insert(jobs: JobStore, submission: NewJob): Promise<InsertedJob> {
  const { submissions } = await jobs.commit({
    submissions: [submission],
    journal: [],
    changes: [],
  });
  const [result] = submissions;
  if (result?.kind !== 'job') throw new Error('no such resource group');
  return result.job;
}

async function failAndDelete(jobs: JobStore, jobId: JobId): Promise<void> {
  const change = {
    jobId,
    from: JobState.Running,
    to: JobState.Failed,
    at: 2000 as TimestampMs,
    succeededTasks: 2,
    failedTasks: 1,
    skippedTasks: 0,
    failedAttempts: 1,
    deleteJournal: false,
  };
  await jobs.commit({ submissions: [], journal: [], changes: [change] });
  await jobs.deleteJob(jobId);
}

/** What every database must do with jobs that retry others. */
export function describeJobRetries(
  name: string,
  withDatabase: (run: (open: () => Promise<Store>) => Promise<void>) => Promise<void>,
): void {
  const withStore = (run: (store: Store) => Promise<void>) => () =>
    withDatabase(async (open) => {
      await using store = await open();
      await run(store);
    });

  describe(`a job that retries another on ${name}`, () => {
    test(
      'is written with the journal it begins with, once, and outlives the other',
      withStore(async ({ jobs }) => {
        const { id: old } = await insert(jobs, newJob());
        const first = Uint8Array.of(1, 2);
        const rows = [first, new Uint8Array(LIMITS.blobRowBytes), Uint8Array.of(3)];
        const submission = newJob({ retryOf: old, journal: rows, succeededTasks: 2 });
        const { id } = await insert(jobs, submission);
        expect(await insert(jobs, submission)).toMatchObject({ id, existed: true });
        await failAndDelete(jobs, old);
        expect(await jobs.findJob(id)).toMatchObject({ retryOf: old, succeededTasks: 2 });
        const written = await jobs.readJournal(id, 0, 10);
        expect(written.map(({ sequence, records }) => [sequence, records.length])).toEqual([
          [1, 2],
          [2, LIMITS.blobRowBytes],
          [3, 1],
        ]);
        expect([...(written[0]?.records ?? [])]).toEqual([1, 2]);
        const anyJob = { states: [], labels: {}, namePrefix: '' };
        const found = await jobs.listJobs(anyJob, toId<JobId>(ID_MAX), 10);
        expect(found.map((job) => [job.id, job.retryOf])).toEqual([[id, old]]);
      }),
    );
  });
}
