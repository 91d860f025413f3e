import { DEFAULT_JOB_POLICY, JobState, LIMITS, toId } from '@spider/core';
import type { JobId, ResourceGroupId, TimestampMs } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { BlobKind } from '../db/job-store.ts';
import type {
  CommitBatch,
  CommitResult,
  InsertedJob,
  JobStateChange,
  JobStore,
  NewExecutionManager,
  NewJob,
  Store,
} from '../db/job-store.ts';
import { NO_METADATA } from '../job-metadata.ts';
import { SupersededError } from '../db/store-error.ts';
import { describeJobLists } from './job-list-contract.ts';
import { describeJobPolicies } from './job-policy-contract.ts';
import { describeJobRetries } from './job-retry-contract.ts';

const at = (ms: number): TimestampMs => ms as TimestampMs;
const group = (id: number): ResourceGroupId => toId<ResourceGroupId>(id);
const job = (id: number): JobId => toId<JobId>(id);
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const plain = (value: Uint8Array | undefined): number[] | undefined => value && [...value];

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a value is missing');
  return value;
}

const newJob = (change: Partial<NewJob> = {}): NewJob => ({
  resourceGroupId: group(0),
  idempotencyKey: undefined,
  state: JobState.Ready,
  taskCount: 3,
  graph: bytes(1, 2),
  inputs: bytes(3),
  submittedAt: at(1000),
  ...change,
});

const change = (
  jobId: JobId,
  from: JobState,
  to: JobState,
  more: Partial<JobStateChange> = {},
) => ({
  jobId,
  from,
  to,
  at: at(2000),
  succeededTasks: 0,
  failedTasks: 0,
  skippedTasks: 0,
  failedAttempts: 0,
  deleteJournal: false,
  ...more,
});

const streaming = (host: string, slots: number): NewExecutionManager => ({
  host,
  slots,
  hasStream: true,
  version: '1.2.3',
});

const commit = (jobs: JobStore, batch: Partial<CommitBatch>): Promise<CommitResult> =>
  jobs.commit({ submissions: [], journal: [], changes: [], ...batch });

async function insert(jobs: JobStore, submission: NewJob): Promise<InsertedJob> {
  const { submissions } = await commit(jobs, { submissions: [submission] });
  const result = present(submissions[0]);
  if (result.kind !== 'job') throw new Error(result.kind);
  return result.job;
}

/**
 * What every database must do. `withDatabase` runs a test with a function that opens a new session
 * on one and the same database, empty at first.
 */
export function describeStore(
  name: string,
  withDatabase: (run: (open: () => Promise<Store>) => Promise<void>) => Promise<void>,
): void {
  const withStore = (run: (store: Store, open: () => Promise<Store>) => Promise<void>) => () =>
    withDatabase(async (open) => {
      await using store = await open();
      await run(store, open);
    });

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

    test(
      'never gives an id of a task instance twice',
      withStore(async (store, open) => {
        const bases = [await store.cluster.reserveTaskInstances()];
        bases.push(await store.cluster.reserveTaskInstances());
        await using next = await open();
        bases.push(await next.cluster.reserveTaskInstances());
        expect(bases[0]).toBeGreaterThanOrEqual(2 ** 32);
        expect(present(bases[1]) - present(bases[0])).toBeGreaterThanOrEqual(2 ** 32);
        expect(present(bases[2]) - present(bases[1])).toBeGreaterThanOrEqual(2 ** 32);
      }),
    );

    test(
      'knows the execution managers that are alive, also after a start',
      withStore(async (store, open) => {
        const { cluster } = store;
        const first = await cluster.registerExecutionManager(streaming('a', 4), at(1));
        const second = await cluster.registerExecutionManager(streaming('b', 8), at(2));
        const beating = { host: '::1', slots: 1, hasStream: false, version: '' };
        const third = await cluster.registerExecutionManager(beating, at(2));
        await cluster.endExecutionManager(first, at(3), 'it has left');
        await cluster.endExecutionManager(first, at(4), 'it was silent');
        const alive = {
          drainRequestedAt: undefined,
          endedAt: undefined,
          endReason: undefined,
        };
        const ended = { endedAt: 3, endReason: 'it has left' };
        const left = { id: first, ...streaming('a', 4), registeredAt: 1, ...alive, ...ended };
        expect(await cluster.findExecutionManager(first)).toEqual(left);
        await using next = await open();
        expect(await next.cluster.listExecutionManagers()).toEqual([
          { id: second, ...streaming('b', 8), registeredAt: 2, ...alive },
          { id: third, ...beating, registeredAt: 2, ...alive },
        ]);
        const unknown = toId<typeof first>(2n ** 64n - 1n);
        expect(await cluster.findExecutionManager(unknown)).toBeUndefined();
        const page = async (before: bigint, limit: number) =>
          (await next.cluster.pageExecutionManagers(toId(before), limit)).map(({ id }) => id);
        expect(await page(unknown, 2)).toEqual([third, second]);
        expect(await page(second, 2)).toEqual([first]);
        expect(await page(first, 2)).toEqual([]);
      }),
    );

    test(
      'remembers which execution managers are to end, from the first time on',
      withStore(async ({ cluster }, open) => {
        const first = await cluster.registerExecutionManager(streaming('a', 4), at(1));
        const second = await cluster.registerExecutionManager(streaming('b', 8), at(2));
        await cluster.requestDrain(first, at(3));
        await cluster.requestDrain(first, at(4));
        await cluster.endExecutionManager(second, at(3), 'it has left');
        await cluster.requestDrain(second, at(5));
        await using next = await open();
        const times = async (id: typeof first) =>
          (await next.cluster.findExecutionManager(id))?.drainRequestedAt;
        expect([await times(first), await times(second)]).toEqual([3, undefined]);
      }),
    );

    test(
      'forgets execution managers that ended long ago, some at a time, the oldest first',
      withStore(async ({ cluster }) => {
        const ended = [30, 10, 20, 40];
        const ids = [];
        for (const time of ended) {
          const id = await cluster.registerExecutionManager(streaming('a', 1), at(1));
          await cluster.endExecutionManager(id, at(time), 'it has left');
          ids.push(id);
        }
        ids.push(await cluster.registerExecutionManager(streaming('a', 1), at(1)));
        const forget = (before: number, limit: number) =>
          cluster.deleteEndedExecutionManagers(at(before), limit);
        const left = async () =>
          (await cluster.pageExecutionManagers(toId(2n ** 64n - 1n), 10)).map(({ id }) => id);
        expect(await forget(9, 10)).toEqual({ deleted: 0, nextEndedAt: 10 });
        expect(await forget(30, 2)).toEqual({ deleted: 2, nextEndedAt: 30 });
        expect(await left()).toEqual([ids[4], ids[3], ids[0]]);
        expect(await forget(100, 10)).toEqual({ deleted: 2, nextEndedAt: undefined });
        expect(await left()).toEqual([ids[4]]);
        expect(await forget(100, 10)).toEqual({ deleted: 0, nextEndedAt: undefined });
        const next = await cluster.registerExecutionManager(streaming('a', 1), at(1));
        expect(next).toBeGreaterThan(present(ids[4]));
      }),
    );

    test(
      'forgets earlier starts, and gives nothing twice for that',
      withStore(async (store, open) => {
        await using second = await open();
        const used = [
          await store.cluster.reserveTaskInstances().catch(() => 0),
          await second.cluster.reserveTaskInstances(),
        ];
        await using third = await open();
        const { cluster, sessionId } = third;
        // Sessions are opened at 1.
        expect(await cluster.deleteOldSessions(at(0), 10)).toBe(0);
        expect(await cluster.deleteOldSessions(at(1), 1)).toBe(1);
        expect(await cluster.deleteOldSessions(at(1), 10)).toBe(Number(sessionId) - 2);
        expect(await cluster.deleteOldSessions(at(1), 10)).toBe(0);
        expect(await cluster.reserveTaskInstances()).toBeGreaterThan(Math.max(...used));
        await using fourth = await open();
        expect(fourth.sessionId).toBe(sessionId + 1n);
        const base = await fourth.cluster.reserveTaskInstances();
        expect(base).toBeGreaterThan(Math.max(...used));
      }),
    );

    test(
      'keeps what tokens are signed with, and forgets what is of no use',
      withStore(async ({ tokenKeys }, open) => {
        expect(await tokenKeys.list()).toEqual([]);
        const secret = Uint8Array.from({ length: 32 }, (_, i) => i * 8);
        const first = await tokenKeys.replace(secret, at(10), at(0));
        const second = await tokenKeys.replace(secret, at(20), at(9));
        expect(second.id).toBeGreaterThan(first.id);
        await using next = await open();
        const plainly = (await next.tokenKeys.list()).map((key) => ({
          ...key,
          secret: plain(key.secret),
        }));
        expect(plainly).toEqual([
          { id: first.id, secret: plain(secret), createdAt: 10 },
          { id: second.id, secret: plain(secret), createdAt: 20 },
        ]);
        const third = await next.tokenKeys.replace(secret, at(30), at(10));
        const ids = (await next.tokenKeys.list()).map(({ id }) => id);
        expect(ids).toEqual([second.id, third.id]);
      }),
    );

    test(
      'knows the latest scheduler',
      withStore(async ({ cluster }) => {
        expect(await cluster.listSchedulers()).toEqual([]);
        const first = await cluster.registerScheduler('a', 1, at(1));
        const second = await cluster.registerScheduler('b', 65_535, at(2));
        expect(second > first).toBe(true);
        expect(await cluster.listSchedulers()).toEqual([
          { id: second, host: 'b', port: 65_535, registeredAt: 2 },
        ]);
      }),
    );

    test(
      'keeps resource groups, one of an external id',
      withStore(async ({ jobs, resourceGroups }) => {
        const id = present(await resourceGroups.insert('nightly', 'hash 1'));
        expect(await resourceGroups.insert('nightly', 'hash 2')).toBeUndefined();
        const other = present(await resourceGroups.insert('Nightly', 'hash 3'));
        const third = present(await resourceGroups.insert('', 'hash 4'));
        expect(new Set([id, other, third]).size).toBe(3);
        const stored = { id, passwordHash: 'hash 1' };
        expect(await resourceGroups.find(id)).toEqual(stored);
        expect(await resourceGroups.findByExternalId('nightly')).toEqual(stored);
        expect(await resourceGroups.findByExternalId('')).toMatchObject({ id: third });
        expect(await resourceGroups.findByExternalId('weekly')).toBeUndefined();
        for (const unknown of [0n, 404n, 2n ** 64n - 1n]) {
          expect(await resourceGroups.find(toId(unknown))).toBeUndefined();
        }
        const job = await insert(jobs, newJob({ resourceGroupId: id }));
        expect(job.resourceGroupId).toBe(id);
        const { resourceGroupId } = await insert(jobs, newJob());
        expect(await resourceGroups.find(resourceGroupId)).toEqual({
          id: resourceGroupId,
          passwordHash: undefined,
        });
      }),
    );

    test(
      'takes writes of all kinds at the same time, and none of them in vain',
      withStore(async ({ jobs, cluster, resourceGroups }) => {
        for (let round = 0; round < 10; round++) {
          const { id } = await insert(jobs, newJob({ state: JobState.Running }));
          const managers = await Promise.all(
            Array.from({ length: 16 }, (_, i) =>
              cluster.registerExecutionManager(streaming(`${round}/${i}`, 1), at(i)),
            ),
          );
          expect(new Set(managers).size).toBe(16);
          const others = await Promise.all([
            insert(jobs, newJob()),
            commit(jobs, { journal: [{ jobId: id, sequence: 1, records: bytes(1) }] }),
            cluster.registerScheduler(`${round}`, 1, at(1)),
            resourceGroups.insert(`group ${round}`, 'hash'),
            cluster.listExecutionManagers(),
            ...managers.map((manager) => cluster.endExecutionManager(manager, at(100), 'left')),
          ]);
          expect(others[1].changes).toEqual([]);
          const success = change(id, JobState.Running, JobState.Succeeded, { deleteJournal: true });
          expect((await commit(jobs, { changes: [success] })).changes).toEqual([
            { kind: 'changed' },
          ]);
        }
        expect(await cluster.listExecutionManagers()).toEqual([]);
      }),
    );

    test(
      'lets only the latest session write, and everyone read',
      withStore(async (store, open) => {
        const { id } = await insert(store.jobs, newJob());
        await using next = await open();
        expect(next.sessionId > store.sessionId).toBe(true);
        await expect(insert(store.jobs, newJob())).rejects.toThrow(SupersededError);
        await expect(
          commit(store.jobs, {
            journal: [{ jobId: id, sequence: 1, records: bytes(1) }],
            changes: [change(id, JobState.Ready, JobState.Running)],
          }),
        ).rejects.toThrow(`session ${store.sessionId} of this storage was superseded`);
        await expect(store.cluster.reserveTaskInstances()).rejects.toThrow(SupersededError);
        expect(await store.superseded).toBeInstanceOf(SupersededError);
        await expect(store.resourceGroups.insert('a', 'b')).rejects.toThrow(SupersededError);
        expect(await store.jobs.findJob(id)).toMatchObject({ state: JobState.Ready });
        expect(await next.jobs.readJournal(id, 0, 1)).toEqual([]);
        await insert(next.jobs, newJob());
      }),
    );
  });

  describeJobLists(name, withDatabase);
  describeJobPolicies(name, withDatabase);
  describeJobRetries(name, withDatabase);
}
