import { DEFAULT_JOB_POLICY, JobState, LIMITS, toId } from '@spider/core';
import type { JobId, ResourceGroupId } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { BlobKind } from '../db/job-store.ts';
import { NO_METADATA } from '../job-metadata.ts';
import {
  at,
  bytes,
  change,
  commit,
  group,
  insert,
  job,
  newJob,
  plain,
  present,
  storeRunner,
} from './store-fixture.ts';
import type { WithDatabase } from './store-fixture.ts';

/** What every database must do with jobs and their journals. */
export function describeJobs(name: string, withDatabase: WithDatabase): void {
  const withStore = storeRunner(withDatabase);

  describe(`the store on ${name}`, () => {
    test(
      'keeps a job as it was submitted',
      withStore(async ({ jobs }) => {
        const { id, resourceGroupId, existed } = await insert(jobs, newJob());
        expect(existed).toBe(false);
        expect(await jobs.findJob(id)).toEqual({
          id,
          resourceGroupId,
          state: JobState.Ready,
          taskCount: 3,
          succeededTasks: 0,
          failedTasks: 0,
          skippedTasks: 0,
          failedAttempts: 0,
          errorMessage: undefined,
          endReason: undefined,
          submittedAt: 1000,
          startedAt: undefined,
          endedAt: undefined,
          metadata: NO_METADATA,
          policy: DEFAULT_JOB_POLICY,
          retryOf: undefined,
          isDamaged: false,
        });
        expect(plain(await jobs.readBlob(id, BlobKind.Graph))).toEqual([1, 2]);
        expect(plain(await jobs.readBlob(id, BlobKind.Inputs))).toEqual([3]);
        expect(await jobs.readBlob(id, BlobKind.Outputs)).toBeUndefined();
      }),
    );

    test(
      'takes a job that is started at once',
      withStore(async ({ jobs }) => {
        const { id, state } = await insert(jobs, newJob({ state: JobState.Running }));
        expect(state).toBe(JobState.Running);
        expect(await jobs.findJob(id)).toMatchObject({ state: JobState.Running, startedAt: 1000 });
      }),
    );

    test(
      'cuts large values into rows and puts them together again',
      withStore(async ({ jobs }) => {
        const graph = Uint8Array.from({ length: 9 * LIMITS.blobRowBytes + 7 }, (_, i) => i % 251);
        const inputs = new Uint8Array(0);
        const { id } = await insert(jobs, newJob({ graph, inputs }));
        expect(Buffer.compare(present(await jobs.readBlob(id, BlobKind.Graph)), graph)).toBe(0);
        expect(plain(await jobs.readBlob(id, BlobKind.Inputs))).toEqual([]);
        expect(await jobs.readBlobBytes(id, BlobKind.Graph)).toBe(graph.length);
        const last = await jobs.readBlobPart(id, BlobKind.Graph, 9);
        expect(plain(last)).toEqual([...graph.subarray(9 * LIMITS.blobRowBytes)]);
        expect(await jobs.readBlobPart(id, BlobKind.Graph, 10)).toBeUndefined();
        expect(await jobs.readBlobBytes(id, BlobKind.Inputs)).toBe(0);
        expect(await jobs.readBlobBytes(id, BlobKind.Outputs)).toBeUndefined();
      }),
    );

    test(
      'refuses a job of a resource group that does not exist',
      withStore(async ({ jobs }) => {
        for (const resourceGroupId of [group(77), 2n ** 64n - 1n] as ResourceGroupId[]) {
          const submissions = [newJob({ resourceGroupId }), newJob()];
          expect((await commit(jobs, { submissions })).submissions).toMatchObject([
            { kind: 'no-resource-group' },
            { kind: 'job' },
          ]);
        }
      }),
    );

    test(
      'answers the same job for the same idempotency key, in one transaction and in later ones',
      withStore(async ({ jobs }) => {
        const submission = newJob({ idempotencyKey: 'nightly' });
        const { submissions } = await commit(jobs, { submissions: [submission, submission] });
        const state = JobState.Running;
        const again = await insert(jobs, newJob({ idempotencyKey: 'nightly', state }));
        expect(again).toMatchObject({ existed: true, state: JobState.Ready });
        expect(submissions).toMatchObject([
          { job: { id: again.id, existed: false } },
          { job: { id: again.id, existed: true } },
        ]);
        const other = await insert(jobs, newJob({ idempotencyKey: 'Nightly' }));
        expect(other.existed).toBe(false);
        expect(await jobs.findJobByKey(group(0), 'nightly')).toEqual(again);
        expect(await jobs.findJobByKey(again.resourceGroupId, 'nightly')).toEqual(again);
        expect(await jobs.findJobByKey(group(0), 'weekly')).toBeUndefined();
        expect(await jobs.findJobByKey(group(404), 'nightly')).toBeUndefined();
        const without = [await insert(jobs, newJob()), await insert(jobs, newJob())];
        expect(present(without[0]).id).not.toBe(present(without[1]).id);
      }),
    );

    test(
      'changes a state only from the state that was expected',
      withStore(async ({ jobs }) => {
        const { id } = await insert(jobs, newJob());
        const { changes } = await commit(jobs, {
          changes: [
            change(id, JobState.Ready, JobState.Running),
            change(id, JobState.Ready, JobState.Cancelled),
            change(job(404), JobState.Ready, JobState.Running),
            change(id, JobState.Running, JobState.Failed, {
              errorMessage: 'ünlucky',
              failedAttempts: 2,
              succeededTasks: 1,
              at: at(3000),
            }),
          ],
        });
        expect(changes).toEqual([
          { kind: 'changed' },
          { kind: 'conflict', state: JobState.Running },
          { kind: 'conflict', state: undefined },
          { kind: 'changed' },
        ]);
        expect(await jobs.findJob(id)).toMatchObject({
          state: JobState.Failed,
          errorMessage: 'ünlucky',
          failedAttempts: 2,
          succeededTasks: 1,
          startedAt: 2000,
          endedAt: 3000,
        });
      }),
    );

    test(
      'writes outputs with the state they belong to',
      withStore(async ({ jobs }) => {
        const { id } = await insert(jobs, newJob({ state: JobState.Running }));
        const outputs = bytes(0, 9);
        const conflict = change(id, JobState.Ready, JobState.Running, { outputs });
        await commit(jobs, { changes: [conflict] });
        expect(await jobs.readBlob(id, BlobKind.Outputs)).toBeUndefined();
        const success = change(id, JobState.Running, JobState.Succeeded, { outputs });
        await commit(jobs, { changes: [success] });
        expect(plain(await jobs.readBlob(id, BlobKind.Outputs))).toEqual([0, 9]);
      }),
    );

    test(
      'reads a journal back in order, in pages, and deletes it with the job that succeeded',
      withStore(async ({ jobs }) => {
        const { id } = await insert(jobs, newJob({ state: JobState.Running }));
        const { id: other } = await insert(jobs, newJob({ state: JobState.Running }));
        const row = (jobId: JobId, sequence: number) => ({
          jobId,
          sequence,
          records: bytes(sequence),
        });
        await commit(jobs, { journal: [row(id, 1), row(other, 1), row(id, 2)] });
        await commit(jobs, { journal: [row(id, 3)] });
        const first = await jobs.readJournal(id, 0, 2);
        expect(first.map(({ sequence, records }) => [sequence, ...records])).toEqual([
          [1, 1],
          [2, 2],
        ]);
        expect((await jobs.readJournal(id, 2, 2)).map(({ sequence }) => sequence)).toEqual([3]);
        await commit(jobs, {
          changes: [change(id, JobState.Running, JobState.Succeeded, { deleteJournal: true })],
        });
        expect(await jobs.readJournal(id, 0, 10)).toEqual([]);
        expect(await jobs.readJournal(other, 0, 10)).toHaveLength(1);
      }),
    );

    test(
      'takes a flush again whose answer was lost',
      withStore(async ({ jobs }) => {
        const submission = newJob({ state: JobState.Running, idempotencyKey: 'once' });
        const { id } = await insert(jobs, submission);
        const batch = {
          submissions: [submission],
          journal: [{ jobId: id, sequence: 1, records: bytes(7) }],
          changes: [change(id, JobState.Running, JobState.Failed)],
        };
        await commit(jobs, batch);
        const { submissions, changes } = await commit(jobs, batch);
        expect(submissions).toMatchObject([{ kind: 'job', job: { id, existed: true } }]);
        expect(changes).toEqual([{ kind: 'conflict', state: JobState.Failed }]);
        const rows = await jobs.readJournal(id, 0, 10);
        expect(rows.map(({ sequence, records }) => [sequence, ...records])).toEqual([[1, 7]]);
      }),
    );

    test(
      'takes many large rows in one flush',
      withStore(async ({ jobs }) => {
        const { id } = await insert(jobs, newJob({ state: JobState.Running }));
        const journal = Array.from({ length: 20 }, (_, i) => ({
          jobId: id,
          sequence: i + 1,
          records: new Uint8Array(LIMITS.blobRowBytes).fill(i),
        }));
        await commit(jobs, { journal });
        const rows = await jobs.readJournal(id, 15, 10);
        expect(rows.map(({ records }) => [records.length, records[9]])).toEqual(
          [15, 16, 17, 18, 19].map((i) => [LIMITS.blobRowBytes, i]),
        );
      }),
    );

    test(
      'lists the unfinished jobs in pages',
      withStore(async ({ jobs }) => {
        const states = [JobState.Ready, JobState.Running, JobState.Running, JobState.Ready];
        const ids: JobId[] = [];
        for (const state of states) ids.push((await insert(jobs, newJob({ state }))).id);
        await commit(jobs, {
          changes: [change(present(ids[1]), JobState.Running, JobState.Failed)],
        });
        const list = async (after: JobId) =>
          (await jobs.listUnfinishedJobs(after, 2)).map(({ id }) => id);
        expect(await list(job(0))).toEqual([ids[0], ids[2]]);
        expect(await list(present(ids[2]))).toEqual([ids[3]]);
      }),
    );

    test(
      'deletes a job that has ended, with all its rows, and no other',
      withStore(async ({ jobs }) => {
        const graph = new Uint8Array(3);
        const metadata = { ...NO_METADATA, name: 'x', labels: { a: 'b' } };
        const submission = newJob({ graph, metadata, state: JobState.Running });
        const { id } = await insert(jobs, submission);
        const { id: other } = await insert(jobs, submission);
        const rows = (jobId: JobId) =>
          Array.from({ length: 150 }, (_, i) => ({ jobId, sequence: i + 1, records: bytes(i) }));
        await commit(jobs, {
          journal: [...rows(id), ...rows(other)],
          changes: [change(id, JobState.Running, JobState.Failed, { outputs: bytes(1) })],
        });
        await jobs.deleteJob(id);
        await jobs.deleteJob(id);
        await jobs.deleteJob(toId<JobId>(2n ** 64n - 1n));
        expect(await jobs.findJob(id)).toBeUndefined();
        expect(await jobs.readJournal(id, 0, 10)).toEqual([]);
        for (const kind of Object.values(BlobKind)) {
          expect(await jobs.readBlob(id, kind)).toBeUndefined();
        }
        const labels = { a: 'b' };
        const found = await jobs.listJobs(
          { states: [], labels, namePrefix: '' },
          toId<JobId>(2n ** 64n - 1n),
          10,
        );
        expect(found.map((job) => job.id)).toEqual([other]);
        expect(await jobs.readJournal(other, 0, 1000)).toHaveLength(150);
        expect(plain(await jobs.readBlob(other, BlobKind.Graph))).toEqual([0, 0, 0]);
      }),
    );

    test(
      'lists the jobs that ended first, and those that wait for their start',
      withStore(async ({ jobs }) => {
        const submissions = Array.from({ length: 4 }, (_, index) =>
          newJob({ submittedAt: at(1000 + index) }),
        );
        const inserted = (await commit(jobs, { submissions })).submissions;
        expect(inserted).toHaveLength(4);
        const [one, two, three, four] = [job(1), job(2), job(3), job(4)];
        const cancel = (id: JobId, ms: number) =>
          change(id, JobState.Ready, JobState.Cancelled, { at: at(ms) });
        await commit(jobs, { changes: [cancel(two, 3000), cancel(four, 2500)] });
        expect(await jobs.listOldestJobs(JobState.Cancelled, 10)).toEqual([
          { id: four, since: 2500 },
          { id: two, since: 3000 },
        ]);
        expect(await jobs.listOldestJobs(JobState.Cancelled, 1)).toHaveLength(1);
        expect(await jobs.listOldestJobs(JobState.Ready, 10)).toEqual([
          { id: one, since: 1000 },
          { id: three, since: 1002 },
        ]);
        expect(await jobs.listOldestJobs(JobState.Failed, 10)).toEqual([]);
      }),
    );
  });
}
