import { setImmediate as turn } from 'node:timers/promises';
import { SpiderError } from '@spider/core';
import type { SessionId } from '@spider/core';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { SupersededError } from '../db/store-error.ts';
import { WriterLeaseKeeper } from './writer-lease-keeper.ts';

const NOT_NOW = new SpiderError('unavailable', 'not now');

/** Keeps a lease whose writes fail with these errors in turn, if they are any. */
async function keep(errors: readonly (Error | undefined)[] = [], { renewable = true } = {}) {
  const durationMs = renewable ? 3000 : undefined;
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const writes: string[] = [];
  const write = async (what: string): Promise<void> => {
    const error = errors[writes.length];
    writes.push(what);
    if (error !== undefined) throw error;
  };
  const lease = { durationMs, renew: () => write('renew'), release: () => write('release') };
  const changes: boolean[] = [];
  const keeper = await WriterLeaseKeeper.start({
    lease,
    clock,
    logger,
    renewMs: 1000,
  });
  keeper.onChange((isSure) => changes.push(isSure));
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turn();
  };
  return { clock, logger, writes, keeper, changes, pass };
}

test('a lease is renewed at once, then once a second, and released in the end', async () => {
  const { clock, writes, keeper, pass } = await keep();
  expect(writes).toEqual(['renew']);
  for (let second = 1; second <= 3; second++) {
    await pass(999);
    expect(writes).toHaveLength(second);
    await pass(1);
    expect(writes).toHaveLength(second + 1);
  }
  await keeper[Symbol.asyncDispose]();
  expect(writes).toEqual(['renew', 'renew', 'renew', 'renew', 'release']);
  expect(clock.pendingTimers).toBe(0);
});

test('what lasts as long as the process is sure and never renewed', async () => {
  const { clock, keeper, writes } = await keep([], { renewable: false });
  clock.advance(60_000);
  expect(keeper.isSure).toBe(true);
  expect(clock.pendingTimers).toBe(0);
  expect(writes).toEqual([]);
  await keeper[Symbol.asyncDispose]();
});

test('a renewal that fails for the moment is soon made up for', async () => {
  const { writes, keeper, pass, logger, changes } = await keep([undefined, NOT_NOW]);
  await pass(1000);
  await pass(100);
  expect(writes).toEqual(['renew', 'renew', 'renew']);
  await pass(999);
  expect(writes).toHaveLength(3);
  expect(logger.lines).toHaveLength(1);
  expect(changes).toEqual([]);
  await keeper[Symbol.asyncDispose]();
});

test('without a renewal it is not sure of its lease before that can have lapsed, and says so', async () => {
  const away = Array.from({ length: 20 }, () => NOT_NOW);
  const { clock, keeper, pass, changes } = await keep([undefined, ...away]);
  await pass(1000);
  for (let renewal = 0; renewal < 19; renewal++) await pass(100);
  await pass(49);
  expect(keeper.isSure).toBe(true);
  expect(changes).toEqual([]);
  // Nobody has to ask for that.
  clock.advance(1);
  expect(changes).toEqual([false]);
  expect(keeper.isSure).toBe(false);
  await pass(100);
  expect(keeper.isSure).toBe(true);
  expect(changes).toEqual([false, true]);
  await keeper[Symbol.asyncDispose]();
  expect(clock.pendingTimers).toBe(0);
});

test('a process that stood still is not sure until it has renewed its lease', async () => {
  const { clock, writes, keeper, changes, logger } = await keep();
  clock.standStill(2949);
  expect(keeper.isSure).toBe(true);
  clock.standStill(1);
  expect(keeper.isSure).toBe(false);
  expect(() => keeper.assertSure()).toThrow('not sure that this storage still has the right');
  expect(writes).toEqual(['renew', 'renew']);
  await turn();
  expect(keeper.isSure).toBe(true);
  expect(changes).toEqual([false, true]);
  expect(logger.messages('warn')).toHaveLength(1);
  await keeper[Symbol.asyncDispose]();
});

test('while the database is away it tries again ten times a second, however often it is asked', async () => {
  const { writes, keeper, pass, changes } = await keep(Array.from({ length: 30 }, () => NOT_NOW));
  for (let ms = 0; ms < 1_000; ms += 10) {
    expect(keeper.isSure).toBe(false);
    await pass(10);
  }
  expect(writes).toHaveLength(11);
  expect(changes).toEqual([]);
  await keeper[Symbol.asyncDispose]();
});

test('a lease that another one has taken is let go', async () => {
  const { clock, writes, keeper, pass } = await keep([
    undefined,
    new SupersededError(1n as SessionId, 2n),
  ]);
  await pass(1000);
  expect(clock.pendingTimers).toBe(0);
  expect(keeper.isSure).toBe(false);
  await keeper[Symbol.asyncDispose]();
  expect(writes).toEqual(['renew', 'renew']);
});
