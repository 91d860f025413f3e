import { SpiderError, type SessionId, type TimestampMs } from '@spider/core';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { SupersededError } from '../db/store-error.ts';
import { PeerRetention } from './peer-retention.ts';

const RETENTION_MS = 10_000;

/** A retention over the times at which execution managers ended. */
class Fixture {
  readonly clock = new ManualClock();
  readonly logger = new RecordingLogger();
  ended: number[] = [];
  sessions = 0;
  looks = 0;
  error: Error | undefined;
  readonly retention = new PeerRetention({
    clock: this.clock,
    logger: this.logger,
    retentionMs: RETENTION_MS,
    store: {
      deleteOldSessions: async (_before, limit) => {
        this.looks += 1;
        if (this.error !== undefined) throw this.error;
        const deleted = Math.min(this.sessions, limit);
        this.sessions -= deleted;
        return deleted;
      },
      deleteEndedExecutionManagers: async (before, limit) => {
        const due = this.ended.filter((at) => at <= before).slice(0, limit);
        this.ended = this.ended.slice(due.length);
        return { deleted: due.length, nextEndedAt: this.ended[0] as TimestampMs | undefined };
      },
    },
  });

  /** One that has ended so long ago. */
  add(agoMs: number): void {
    this.ended.push(this.clock.now() - agoMs);
  }

  async pass(durationMs: number): Promise<void> {
    this.clock.advance(durationMs);
    await this.clock.settle();
  }
}

test('an execution manager is forgotten when its time is over, not before', async () => {
  const fixture = new Fixture();
  fixture.add(RETENTION_MS + 1);
  fixture.add(RETENTION_MS - 1_000);
  fixture.retention.start();
  await fixture.pass(0);
  expect(fixture.ended).toHaveLength(1);
  await fixture.pass(999);
  expect([fixture.ended.length, fixture.looks]).toEqual([1, 1]);
  await fixture.pass(1);
  expect([fixture.ended.length, fixture.looks]).toEqual([0, 2]);
  // Nobody that ends from now on is due earlier than this.
  await fixture.pass(RETENTION_MS - 1);
  expect(fixture.looks).toBe(2);
  fixture.retention[Symbol.dispose]();
  expect(fixture.clock.pendingTimers).toBe(0);
});

test('very many are forgotten in batches, with pauses', async () => {
  const fixture = new Fixture();
  for (let count = 0; count < 2_500; count++) fixture.add(RETENTION_MS + 1);
  fixture.sessions = 1_500;
  fixture.retention.start();
  const left: number[][] = [];
  for (let batch = 0; batch < 3; batch++) {
    await fixture.pass(batch === 0 ? 0 : 100);
    left.push([fixture.ended.length, fixture.sessions]);
  }
  expect(left).toEqual([
    [1_500, 500],
    [500, 0],
    [0, 0],
  ]);
});

test('a clock that was set back makes nobody wait for longer than one of now', async () => {
  const fixture = new Fixture();
  fixture.add(-1_000_000);
  fixture.retention.start();
  await fixture.pass(0);
  await fixture.pass(RETENTION_MS);
  expect(fixture.looks).toBe(2);
});

test('a database that is away is asked again later; one that another has taken is not', async () => {
  const fixture = new Fixture();
  fixture.error = new SpiderError('unavailable', 'away');
  fixture.retention.start();
  await fixture.pass(0);
  expect(fixture.logger.messages('warn')).toHaveLength(1);
  fixture.error = new SupersededError(1n as SessionId, 2n);
  await fixture.pass(60_000);
  expect(fixture.looks).toBe(2);
  expect(fixture.clock.pendingTimers).toBe(0);
});
