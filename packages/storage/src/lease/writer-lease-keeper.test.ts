import { setImmediate as turn } from 'node:timers/promises';
import { SpiderError } from '@spider/core';
import type { SessionId } from '@spider/core';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { SupersededError } from '../db/store-error.ts';
import { WriterLeaseKeeper } from './writer-lease-keeper.ts';

/** Keeps a lease whose writes fail with these errors in turn, if they are any. */
function keep(errors: readonly Error[] = [], { renewable = true } = {}) {
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
  const keeper = new WriterLeaseKeeper({ lease, clock, logger, renewMs: 1000 });
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turn();
  };
  return { clock, logger, writes, keeper, pass };
}

test('a lease is renewed once a second and released in the end', async () => {
  const { clock, writes, keeper, pass } = keep();
  for (let second = 1; second <= 3; second++) {
    await pass(999);
    expect(writes).toHaveLength(second - 1);
    await pass(1);
    expect(writes).toHaveLength(second);
  }
  await keeper[Symbol.asyncDispose]();
  expect(writes).toEqual(['renew', 'renew', 'renew', 'release']);
  expect(clock.pendingTimers).toBe(0);
});

test('what lasts as long as the process is not renewed', async () => {
  const { clock, keeper } = keep([], { renewable: false });
  expect(clock.pendingTimers).toBe(0);
  await keeper[Symbol.asyncDispose]();
});

test('a renewal that fails for the moment is made up for', async () => {
  const { writes, keeper, pass, logger } = keep([new SpiderError('unavailable', 'not now')]);
  await pass(1000);
  await pass(1000);
  expect(writes).toEqual(['renew', 'renew']);
  expect(logger.lines).toHaveLength(1);
  await keeper[Symbol.asyncDispose]();
});

test('a lease that another one has taken is let go', async () => {
  const { clock, writes, keeper, pass } = keep([new SupersededError(1n as SessionId, 2n)]);
  await pass(1000);
  expect(clock.pendingTimers).toBe(0);
  await keeper[Symbol.asyncDispose]();
  expect(writes).toEqual(['renew']);
});
