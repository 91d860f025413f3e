import { setImmediate as turn } from 'node:timers/promises';
import { SeededRng } from '@spider/runtime';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { describe, expect, test } from 'vitest';
import type { ActiveDatabase } from '../db/active-database.ts';
import type { HeldLease } from '../db/writer-lease.ts';
import { openMemoryStore } from '../testing/memory-store.ts';
import { awaitActivation } from './await-activation.ts';

const held = (retryMs: number, sessionId = 7n): HeldLease => ({
  kind: 'held',
  holder: 'process 1 on there',
  sessionId,
  retryMs,
});

const active = async (): Promise<ActiveDatabase> => ({
  kind: 'active',
  store: await openMemoryStore(),
  lease: {
    durationMs: undefined,
    renew: async () => undefined,
    release: async () => undefined,
  },
});

/** Waits for the right to write, which is asked for with these answers. */
function wait(answers: readonly (HeldLease | ActiveDatabase)[], standby = false) {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const stop = new AbortController();
  let asked = 0;
  const result = awaitActivation({
    activate: async () => {
      const answer = answers[Math.min(asked++, answers.length - 1)];
      if (answer === undefined) throw new Error('there is no answer');
      return answer;
    },
    standby,
    durationMs: 3000,
    clock,
    rng: new SeededRng('lease'),
    logger,
    signal: stop.signal,
  });
  result.catch(() => undefined);
  const pass = async (durationMs: number): Promise<void> => {
    await turn();
    clock.advance(durationMs);
    await turn();
  };
  return { result, pass, stop, clock, logger, asked: () => asked };
}

test('a database that nobody is active on is taken at once', async () => {
  const right = await active();
  expect(await wait([right]).result).toBe(right);
});

describe('a storage that is no standby', () => {
  test('waits for what is left of the lease of one that was killed', async () => {
    const right = await active();
    const { result, pass, asked, clock } = wait([held(2000), right]);
    await pass(2000);
    expect(asked()).toBe(1);
    await pass(100);
    expect(await result).toBe(right);
    expect(clock.pendingTimers).toBe(0);
  });

  test('gives up after one lease and says who is in its way', async () => {
    const { result, pass, asked } = wait([held(2900)]);
    await pass(3000);
    await pass(3000);
    await expect(result).rejects.toThrow(
      'process 1 on there is active on this database (session 7) and keeps its lease: stop it first',
    );
    expect(asked()).toBe(3);
  });
});

describe('a standby', () => {
  test('waits for as long as it takes, asleep until the lease may lapse', async () => {
    const right = await active();
    const hour = Array.from({ length: 1200 }, () => held(2900));
    const { result, pass, asked, logger } = wait([...hour, right], true);
    for (let lease = 0; lease < 1200; lease++) await pass(3000);
    expect(await result).toBe(right);
    expect(asked()).toBe(1201);
    expect(logger.messages('info')).toEqual([
      'standing by: another storage is active on this database',
      'this storage is the active one now',
    ]);
  });

  test('tells when another one is active', async () => {
    const { pass, logger } = wait([held(100), held(100, 8n)], true);
    await pass(200);
    await pass(200);
    expect(logger.lines.map(({ fields }) => fields)).toMatchObject([
      { sessionId: 7n },
      { sessionId: 8n },
    ]);
  });

  test('stops waiting when it is asked to end', async () => {
    const { result, pass, stop, clock } = wait([held(2000)], true);
    await pass(10);
    stop.abort(new Error('ended by SIGTERM'));
    await expect(result).rejects.toThrow('ended by SIGTERM');
    expect(clock.pendingTimers).toBe(0);
  });
});
