import { JobState, LIMITS, SpiderError, toId } from '@spider/core';
import type { JobId, SessionId, TimestampMs } from '@spider/core';
import { SeededRng, silentLogger } from '@spider/runtime';
import { ManualClock } from '@spider/runtime/testing';
import { describe, expect, test } from 'vitest';
import type { CommitBatch, JobStateChange, NewJob } from '../db/job-store.ts';
import { SupersededError } from '../db/store-error.ts';
import { ScriptedStore } from '../testing/scripted-store.ts';
import { JobJournal } from './job-journal.ts';
import { Journal } from './journal.ts';

const jobId = (id: number): JobId => toId<JobId>(id);
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

const change = (id: number, to: JobState, deleteJournal = false): JobStateChange => ({
  jobId: jobId(id),
  from: JobState.Running,
  to,
  at: 1 as TimestampMs,
  succeededTasks: 0,
  failedTasks: 0,
  skippedTasks: 0,
  failedAttempts: 0,
  deleteJournal,
});

const unavailable = new SpiderError('unavailable', 'the database is away');
const superseded = new SupersededError(1n as SessionId, 2n);

/** What a batch writes, for comparing. */
const written = ({ journal, changes }: CommitBatch): unknown[] => [
  ...journal.map((row) => [Number(row.jobId), row.sequence, ...row.records]),
  ...changes.map((entry) => [Number(entry.jobId), entry.to]),
];

function start(options: { capacityBytes?: number } = {}) {
  const clock = new ManualClock();
  const store = new ScriptedStore();
  const broken: [JobId, unknown][] = [];
  const journal = new Journal({
    store,
    clock,
    rng: new SeededRng(1),
    logger: silentLogger,
    capacityBytes: options.capacityBytes,
    onJobBroken: (id, error) => broken.push([id, error]),
  });
  return { clock, store, journal, broken };
}

describe('records', () => {
  test('wait for company, and then go as one row for each job', async () => {
    const { clock, store, journal } = start();
    const [first, second] = [new JobJournal(jobId(1)), new JobJournal(jobId(2))];
    journal.append(first, bytes(10), 1);
    journal.append(second, bytes(20), 1);
    clock.advance(4);
    await clock.settle();
    expect(store.commits).toHaveLength(0);
    journal.append(first, bytes(11), 1);
    clock.advance(1);
    await clock.settle();
    expect(store.commits.map(({ batch }) => written(batch))).toEqual([
      [
        [1, 1, 10, 11],
        [2, 1, 20],
      ],
    ]);
    expect(journal.flushed).toBe(0);
    store.last.succeed();
    await clock.settle();
    expect(journal.flushed).toBe(3);
    expect(clock.pendingTimers).toBe(0);
  });

  test('do not wait when there are many', async () => {
    const { clock, store, journal } = start();
    const job = new JobJournal(jobId(1));
    journal.append(job, bytes(1), 1023);
    await clock.settle();
    expect(store.commits).toHaveLength(0);
    journal.append(job, bytes(2), 1);
    await clock.settle();
    expect(written(store.last.batch)).toEqual([[1, 1, 1, 2]]);
  });

  test('that come during a flush go with the next, which starts when that has ended', async () => {
    const { clock, store, journal } = start();
    const job = new JobJournal(jobId(1));
    journal.append(job, bytes(1), 2000);
    await clock.settle();
    journal.append(job, bytes(2), 2000);
    await clock.settle();
    clock.advance(100);
    await clock.settle();
    expect(store.commits).toHaveLength(1);
    store.last.succeed();
    await clock.settle();
    expect(journal.flushed).toBe(1);
    expect(store.commits).toHaveLength(2);
    expect(written(store.last.batch)).toEqual([[1, 2, 2]]);
  });

  test('are cut into rows of bounded size', async () => {
    const { clock, store, journal } = start();
    const job = new JobJournal(jobId(1));
    journal.append(job, new Uint8Array(LIMITS.blobRowBytes - 1), 1);
    journal.append(job, new Uint8Array(LIMITS.blobRowBytes + 2), 1);
    clock.advance(5);
    await clock.settle();
    expect(
      store.last.batch.journal.map(({ sequence, records }) => [sequence, records.length]),
    ).toEqual([
      [1, LIMITS.blobRowBytes],
      [2, LIMITS.blobRowBytes],
      [3, 1],
    ]);
  });

  test('go on after the rows that the database has', async () => {
    const { clock, store, journal } = start();
    const job = new JobJournal(jobId(1));
    job.resumeAfter(41, 0);
    journal.append(job, bytes(1), 1);
    clock.advance(5);
    await clock.settle();
    expect(written(store.last.batch)).toEqual([[1, 42, 1]]);
  });

  test('find room until too many bytes wait', async () => {
    const { clock, store, journal } = start({ capacityBytes: 4 });
    const job = new JobJournal(jobId(1));
    journal.append(job, bytes(1, 2, 3), 1);
    expect(journal.hasRoom).toBe(true);
    clock.advance(5);
    await clock.settle();
    journal.append(job, bytes(4), 1);
    expect(journal.hasRoom).toBe(false);
    let flushes = 0;
    const stop = journal.onFlush(() => (flushes += 1));
    store.last.succeed();
    await clock.settle();
    expect([journal.hasRoom, flushes]).toEqual([true, 1]);
    stop();
    clock.advance(5);
    await clock.settle();
    store.last.succeed();
    await clock.settle();
    expect([journal.flushed, flushes]).toEqual([2, 1]);
  });
});

test('flushing waits for what is there already, not for what comes meanwhile', async () => {
  const { clock, store, journal } = start();
  const job = new JobJournal(jobId(1));
  journal.append(job, bytes(1), 2000);
  await clock.settle();
  journal.append(job, bytes(2), 1);
  const states: string[] = [];
  void journal.flush().then(() => states.push('flushed'));
  store.last.succeed();
  await clock.settle();
  expect(written(store.last.batch)).toEqual([[1, 2, 2]]);
  journal.append(job, bytes(3), 2000);
  expect(states).toEqual([]);
  store.last.succeed();
  await clock.settle();
  expect(states).toEqual(['flushed']);
  expect(store.commits).toHaveLength(3);
  expect(journal.flushed).toBe(2);
});

test('the backlog is all that is not durable, as old as the oldest of it', async () => {
  const { clock, store, journal } = start();
  expect(journal.backlog()).toEqual({ records: 0, bytes: 0, lagMs: 0 });
  journal.append(new JobJournal(jobId(1)), bytes(1, 2), 3);
  clock.advance(5);
  await clock.settle();
  journal.append(new JobJournal(jobId(2)), bytes(3), 1);
  const changed = journal.commit(change(2, JobState.Failed));
  clock.advance(10);
  expect(journal.backlog()).toEqual({ records: 5, bytes: 3, lagMs: 15 });
  store.last.succeed();
  await clock.settle();
  expect(journal.backlog()).toEqual({ records: 2, bytes: 1, lagMs: 10 });
  store.last.succeed();
  await changed;
  await clock.settle();
  expect(journal.backlog()).toEqual({ records: 0, bytes: 0, lagMs: 0 });
});

describe('a change of state', () => {
  test('is flushed at once, together with the records before it', async () => {
    const { clock, store, journal } = start();
    journal.append(new JobJournal(jobId(1)), bytes(1), 1);
    const result = journal.commit(change(1, JobState.Failed));
    await clock.settle();
    expect(written(store.last.batch)).toEqual([
      [1, 1, 1],
      [1, JobState.Failed],
    ]);
    store.last.succeed();
    expect(await result).toEqual({ kind: 'changed' });
    await clock.settle();
    expect(journal.flushed).toBe(1);
  });

  test('that ends the journal makes the records before it durable without writing them', async () => {
    const { clock, store, journal } = start();
    journal.append(new JobJournal(jobId(1)), bytes(1), 1);
    journal.append(new JobJournal(jobId(2)), bytes(2), 1);
    void journal.commit(change(1, JobState.Succeeded, true));
    await clock.settle();
    expect(written(store.last.batch)).toEqual([
      [2, 1, 2],
      [1, JobState.Succeeded],
    ]);
    store.last.succeed();
    await clock.settle();
    expect(journal.flushed).toBe(2);
  });

  test('of many jobs costs one transaction', async () => {
    const { clock, store, journal } = start();
    const results = [1, 2, 3].map((id) => journal.commit(change(id, JobState.Failed)));
    await clock.settle();
    expect(store.commits).toHaveLength(1);
    store.last.succeed();
    expect(await Promise.all(results)).toEqual(
      Array.from({ length: 3 }, () => ({ kind: 'changed' })),
    );
  });
});

describe('when the database is away', () => {
  test('the same flush is repeated, ever more slowly, and nothing overtakes it', async () => {
    const { clock, store, journal } = start();
    const job = new JobJournal(jobId(1));
    journal.append(job, bytes(1), 1);
    const result = journal.commit(change(2, JobState.Failed));
    await clock.settle();
    for (let attempt = 1; attempt <= 6; attempt++) {
      store.last.fail(unavailable);
      await clock.settle();
      journal.append(job, bytes(9), 2000);
      await clock.settle();
      expect(store.commits).toHaveLength(attempt);
      clock.advance(3000);
      await clock.settle();
      expect(store.commits).toHaveLength(attempt + 1);
      expect(store.last.batch).toBe(store.commits[0]?.batch);
    }
    expect(journal.flushed).toBe(0);
    store.last.succeed();
    expect(await result).toEqual({ kind: 'changed' });
    await clock.settle();
    expect(written(store.last.batch)).toEqual([[1, 2, 9, 9, 9, 9, 9, 9]]);
  });

  test('closing gives up, and says so to whoever waits', async () => {
    const { clock, store, journal } = start();
    const result = journal.commit(change(1, JobState.Failed));
    await clock.settle();
    store.last.fail(unavailable);
    await clock.settle();
    const flushed = journal.flush();
    journal.close();
    await expect(result).rejects.toThrow('storage is stopping');
    await flushed;
    await expect(journal.commit(change(1, JobState.Failed))).rejects.toThrow('storage is stopping');
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('submissions', () => {
  const submission = (taskCount: number): NewJob => ({
    resourceGroupId: toId(0),
    idempotencyKey: undefined,
    state: JobState.Running,
    taskCount,
    graph: bytes(1),
    inputs: bytes(2),
    submittedAt: 1 as TimestampMs,
  });

  test('that come at the same time cost one transaction, with all else that waits', async () => {
    const { clock, store, journal } = start();
    journal.append(new JobJournal(jobId(1)), bytes(1), 1);
    const results = [1, 2, 3].map((taskCount) => journal.submit(submission(taskCount)));
    void journal.commit(change(1, JobState.Failed));
    await clock.settle();
    expect(store.commits).toHaveLength(1);
    expect(store.last.batch.submissions.map(({ taskCount }) => taskCount)).toEqual([1, 2, 3]);
    expect(written(store.last.batch)).toEqual([
      [1, 1, 1],
      [1, JobState.Failed],
    ]);
    store.last.succeed();
    expect(await Promise.all(results)).toEqual(
      Array.from({ length: 3 }, () => ({ kind: 'no-resource-group' })),
    );
  });

  test('that cannot be written are refused alone', async () => {
    const { clock, store, journal, broken } = start();
    const results = [1, 2].map((taskCount) => journal.submit(submission(taskCount)));
    await clock.settle();
    const error = new Error('too large');
    store.last.fail(error);
    await clock.settle();
    store.last.fail(error);
    await expect(results[0]).rejects.toBe(error);
    await clock.settle();
    store.last.succeed();
    expect(await results[1]).toEqual({ kind: 'no-resource-group' });
    expect(broken).toEqual([]);
  });

  test('wait while the journal is full', async () => {
    const { clock, store, journal } = start({ capacityBytes: 2 });
    void journal.submit(submission(1));
    const waiting = journal.submit(submission(2));
    await clock.settle();
    expect(store.last.batch.submissions.map(({ taskCount }) => taskCount)).toEqual([1]);
    store.last.succeed();
    await clock.settle();
    expect(store.last.batch.submissions.map(({ taskCount }) => taskCount)).toEqual([2]);
    store.last.succeed();
    expect(await waiting).toEqual({ kind: 'no-resource-group' });
  });
});

test('what cannot be written breaks its own job and no other', async () => {
  const { clock, store, journal, broken } = start();
  journal.append(new JobJournal(jobId(1)), bytes(1), 1);
  journal.append(new JobJournal(jobId(2)), bytes(2), 1);
  const first = journal.commit(change(1, JobState.Failed));
  const third = journal.commit(change(3, JobState.Failed));
  await clock.settle();
  const error = new Error('too large');
  store.last.fail(error);
  await clock.settle();
  expect(written(store.last.batch)).toEqual([
    [1, 1, 1],
    [1, JobState.Failed],
  ]);
  store.last.fail(error);
  await expect(first).rejects.toBe(error);
  await clock.settle();
  expect(written(store.last.batch)).toEqual([[2, 1, 2]]);
  store.last.succeed();
  await clock.settle();
  store.last.succeed();
  expect(await third).toEqual({ kind: 'changed' });
  await clock.settle();
  expect(broken).toEqual([[1n, error]]);
  expect(journal.flushed).toBe(2);
});

test('after another storage has taken over, nothing is written and everyone is told', async () => {
  const { clock, store, journal } = start();
  const job = new JobJournal(jobId(1));
  journal.append(job, bytes(1), 1);
  const underway = journal.commit(change(1, JobState.Failed));
  await clock.settle();
  const waiting = journal.commit(change(2, JobState.Failed));
  waiting.catch(() => undefined);
  store.last.fail(superseded);
  await expect(underway).rejects.toBe(superseded);
  await expect(waiting).rejects.toBe(superseded);
  await expect(journal.commit(change(3, JobState.Failed))).rejects.toBe(superseded);
  journal.append(job, bytes(2), 5000);
  await clock.settle();
  expect(store.commits).toHaveLength(1);
  expect(journal.flushed).toBe(0);
  await journal.flush();
});
