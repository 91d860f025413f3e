import { SpiderError } from '@spider/core';
import { EndpointList, SeededRng } from '@spider/runtime';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { Reconnection } from './reconnection.ts';

const FAILURE = new SpiderError('unavailable', 'connection refused');

let clock: ManualClock;
let logger: RecordingLogger;
beforeEach(() => {
  clock = new ManualClock();
  logger = new RecordingLogger();
});

function reconnectionTo(...urls: readonly string[]): Reconnection {
  return new Reconnection({
    clock,
    logger,
    rng: new SeededRng(1),
    endpoints: new EndpointList(urls),
    peer: 'storage',
  });
}

/** How long a failed attempt is followed by nothing. */
async function delayAfterFailure(
  reconnection: Reconnection,
  attempt: { readonly worked?: boolean; readonly livedMs?: number } = {},
): Promise<number> {
  reconnection.begin();
  if (attempt.worked === true) reconnection.worked();
  clock.advance(attempt.livedMs ?? 0);
  const startMs = clock.now();
  const waiting = reconnection.lost(FAILURE, new AbortController().signal);
  const nextMs = clock.nextTimerMs;
  if (nextMs !== undefined) clock.advance(nextMs - startMs);
  await waiting;
  return clock.now() - startMs;
}

describe('between attempts', () => {
  test('it waits longer and longer, up to a quarter of a second', async () => {
    const reconnection = reconnectionTo('http://a');
    const delaysMs: number[] = [];
    for (let i = 0; i < 8; i += 1) delaysMs.push(await delayAfterFailure(reconnection));
    expect(delaysMs[0]).toBeGreaterThanOrEqual(25);
    expect(delaysMs[0]).toBeLessThanOrEqual(50);
    expect(delaysMs.at(-1)).toBeGreaterThanOrEqual(125);
    expect(delaysMs.at(-1)).toBeLessThanOrEqual(250);
  });

  test('it does not wait as long as there are other places to try', async () => {
    const reconnection = reconnectionTo('http://a', 'http://b');
    expect(await delayAfterFailure(reconnection)).toBe(0);
    expect(await delayAfterFailure(reconnection)).toBeGreaterThan(0);
  });

  test('it begins anew with short waits when the connection had worked for a while', async () => {
    const reconnection = reconnectionTo('http://a');
    for (let i = 0; i < 8; i += 1) await delayAfterFailure(reconnection);
    const afterSuccess = await delayAfterFailure(reconnection, { worked: true, livedMs: 5_000 });
    expect(afterSuccess).toBeLessThanOrEqual(50);
  });

  test('a peer that answers and hangs up at once is no success', async () => {
    const reconnection = reconnectionTo('http://a');
    for (let i = 0; i < 8; i += 1) await delayAfterFailure(reconnection, { worked: true });
    const delayMs = await delayAfterFailure(reconnection, { worked: true });
    expect(delayMs).toBeGreaterThanOrEqual(125);
  });

  test('an abort ends the wait', async () => {
    const reconnection = reconnectionTo('http://a');
    const abort = new AbortController();
    reconnection.begin();
    const waiting = reconnection.lost(FAILURE, abort.signal);
    abort.abort();
    await expect(waiting).resolves.toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });
});

test('a loss is told once, and a return, however many attempts lie between', async () => {
  const reconnection = reconnectionTo('http://a');
  await delayAfterFailure(reconnection, { worked: true, livedMs: 5_000 });
  for (let i = 0; i < 5; i += 1) await delayAfterFailure(reconnection);
  reconnection.begin();
  reconnection.worked();
  reconnection.worked();
  expect(logger.lines.filter(({ level }) => level !== 'debug')).toEqual([
    { level: 'info', message: 'connected to storage', fields: { url: 'http://a' } },
    {
      level: 'warn',
      message: 'lost storage',
      fields: { url: 'http://a', reason: 'connection refused' },
    },
    { level: 'info', message: 'connected to storage', fields: { url: 'http://a' } },
  ]);
});
