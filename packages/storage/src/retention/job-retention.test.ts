import { setImmediate as turn } from 'node:timers/promises';
import { failedPrecondition, JobState, SpiderError, timestampMs } from '@spider/core';
import type { JobId, SessionId } from '@spider/core';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { describe, expect, test } from 'vitest';
import { SupersededError } from '../db/store-error.ts';
import { JobRetention } from './job-retention.ts';

const DAY_MS = 86_400_000;
const TIMES = { succeededMs: 7 * DAY_MS, failedMs: 30 * DAY_MS, neverStartedMs: DAY_MS };

/** A retention over jobs that a test puts into a map. */
class Fixture {
  readonly clock = new ManualClock();
  readonly logger = new RecordingLogger();
  readonly jobs = new Map<JobId, { state: JobState; since: number }>();
  readonly expired: JobId[] = [];
  looks = 0;
  /** What the next look at the database, or the next deletion, fails with. */
  lookError: Error | undefined;
  deleteError: Error | undefined;
  readonly retention = new JobRetention({
    clock: this.clock,
    logger: this.logger,
    times: TIMES,
    oldestJobs: async (state, limit) => {
      if (state === JobState.Succeeded) this.looks++;
      if (this.lookError !== undefined) throw this.lookError;
      return [...this.jobs]
        .filter(([, job]) => job.state === state)
        .sort(([, a], [, b]) => a.since - b.since)
        .slice(0, limit)
        .map(([id, { since }]) => ({ id, since: timestampMs(since) }));
    },
    deleteJob: async (id) => {
      if (this.deleteError !== undefined) throw this.deleteError;
      this.jobs.delete(id);
    },
    expireJob: async (id) => {
      this.expired.push(id);
      this.jobs.set(id, { state: JobState.Cancelled, since: this.clock.now() });
    },
  });

  add(id: number, state: JobState, agoMs = 0): void {
    this.jobs.set(BigInt(id) as JobId, { state, since: this.clock.now() - agoMs });
  }

  async pass(durationMs: number): Promise<void> {
    this.clock.advance(durationMs);
    for (let turns = 0; turns < 5; turns++) await turn();
  }

  get ids(): number[] {
    return [...this.jobs.keys()].map(Number);
  }
}

test('each state has its own retention', async () => {
  const fixture = new Fixture();
  fixture.add(1, JobState.Succeeded, 6 * DAY_MS);
  fixture.add(2, JobState.Cancelled, 6 * DAY_MS);
  fixture.add(3, JobState.Failed, 29 * DAY_MS);
  fixture.add(4, JobState.Failed, 6 * DAY_MS);
  fixture.add(5, JobState.Running, 99 * DAY_MS);
  fixture.retention.start();
  await fixture.pass(0);
  expect(fixture.ids).toEqual([1, 2, 3, 4, 5]);
  await fixture.pass(DAY_MS - 1);
  expect(fixture.ids).toEqual([1, 2, 3, 4, 5]);
  await fixture.pass(1);
  expect(fixture.ids).toEqual([4, 5]);
});

test('a job that nobody starts ends, and is deleted in its time', async () => {
  const fixture = new Fixture();
  fixture.add(1, JobState.Ready);
  fixture.retention.start();
  await fixture.pass(0);
  await fixture.pass(DAY_MS);
  expect(fixture.expired).toEqual([1n]);
  for (let day = 0; day < 7; day++) await fixture.pass(DAY_MS);
  expect(fixture.ids).toEqual([]);
});

test('a job that ends between two looks is not overlooked', async () => {
  const fixture = new Fixture();
  fixture.retention.start();
  await fixture.pass(0);
  await fixture.pass(DAY_MS / 2);
  fixture.add(1, JobState.Succeeded);
  for (let hour = 0; hour < 7 * 24; hour++) await fixture.pass(DAY_MS / 24);
  await fixture.pass(DAY_MS);
  expect(fixture.ids).toEqual([]);
});

test('while nothing is due, one timer waits and the database has rest', async () => {
  const fixture = new Fixture();
  fixture.add(1, JobState.Failed);
  fixture.retention.start();
  await fixture.pass(0);
  expect(fixture.looks).toBe(1);
  await fixture.pass(DAY_MS - 1);
  expect(fixture.looks).toBe(1);
  expect(fixture.clock.pendingTimers).toBe(1);
  fixture.retention[Symbol.dispose]();
  expect(fixture.clock.pendingTimers).toBe(0);
});

test('many jobs go in batches with pauses between them', async () => {
  const fixture = new Fixture();
  for (let id = 1; id <= 150; id++) fixture.add(id, JobState.Succeeded, 8 * DAY_MS);
  fixture.retention.start();
  await fixture.pass(0);
  expect(fixture.ids).toHaveLength(86);
  await fixture.pass(99);
  expect(fixture.ids).toHaveLength(86);
  await fixture.pass(1);
  expect(fixture.ids).toHaveLength(22);
  await fixture.pass(100);
  expect(fixture.ids).toHaveLength(0);
});

describe('after an error', () => {
  test('of the database it tries again in a minute', async () => {
    const fixture = new Fixture();
    fixture.add(1, JobState.Succeeded, 8 * DAY_MS);
    fixture.lookError = new SpiderError('unavailable', 'not now');
    fixture.retention.start();
    await fixture.pass(0);
    fixture.lookError = undefined;
    await fixture.pass(59_999);
    expect(fixture.ids).toEqual([1]);
    await fixture.pass(1);
    expect(fixture.ids).toEqual([]);
  });

  test('of one job it goes on with the others', async () => {
    const fixture = new Fixture();
    fixture.add(1, JobState.Succeeded, 8 * DAY_MS);
    fixture.add(2, JobState.Ready, 2 * DAY_MS);
    fixture.deleteError = failedPrecondition('not this one');
    fixture.retention.start();
    await fixture.pass(0);
    expect(fixture.expired).toEqual([2n]);
    expect(fixture.logger.messages('warn')).toEqual(['a job stays after its retention']);
  });

  test('that says that another storage is active it stops', async () => {
    const fixture = new Fixture();
    fixture.lookError = new SupersededError(1n as SessionId, 2n);
    fixture.retention.start();
    await fixture.pass(0);
    expect(fixture.clock.pendingTimers).toBe(0);
  });
});
