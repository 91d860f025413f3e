import { EQUAL_SHARING, type ExecutionManagerId, SpiderError } from '@spider/core';
import { SeededRng } from '@spider/runtime';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { expect, onTestFinished, test } from 'vitest';

import { Dispatcher } from '../dispatch/dispatcher.ts';
import type { AssignmentBatch } from '../machine/dispatch-event.ts';
import { DispatchMachine } from '../machine/dispatch-machine.ts';
import { GENERAL_PROFILE } from '../machine/execution-manager-profile.ts';
import { POLICIES } from '../policy/policies.ts';
import { ScriptedReadyTaskSource } from '../testing/scripted-ready-task-source.ts';
import { ReadyTaskReader } from './ready-task-reader.ts';

function setUp() {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const source = new ScriptedReadyTaskSource();
  const machine = new DispatchMachine({ window: 100, policy: POLICIES.fifo });
  const dispatcher = new Dispatcher({ clock, logger, machine, acknowledgementTimeoutMs: 1000 });
  const reader = new ReadyTaskReader({
    clock,
    rng: new SeededRng(1),
    logger,
    source,
    dispatcher,
    sharing: EQUAL_SHARING,
  });
  const stop = new AbortController();
  const running = reader.run(stop.signal);
  onTestFinished(() => {
    stop.abort();
    return running;
  });
  const sessions: bigint[] = [];
  const connection = dispatcher.connect(1n as ExecutionManagerId, GENERAL_PROFILE, {
    send: ({ sessionId }: AssignmentBatch) => void sessions.push(sessionId),
    close: () => undefined,
  });
  dispatcher.pulled(connection, { credit: 1000, acknowledgedBatch: 0, draining: false });
  return { clock, logger, source, stop, running, sessions };
}

test('a reader that cannot reach storage tries again, more slowly, for as long as it takes', async () => {
  const { clock, source } = setUp();
  const delaysMs: number[] = [];
  for (let attempt = 0; attempt < 12; attempt++) {
    const stream = await source.attempt(attempt);
    stream.end(new SpiderError('unavailable', 'nobody there'));
    await clock.settle();
    const waitMs = (clock.nextTimerMs ?? NaN) - clock.now();
    delaysMs.push(waitMs);
    clock.advance(waitMs);
  }

  for (const [attempt, delayMs] of delaysMs.entries()) {
    const longestMs = Math.min(50 * 2 ** attempt, 100);
    expect(delayMs).toBeGreaterThanOrEqual(longestMs / 2);
    expect(delayMs).toBeLessThanOrEqual(longestMs);
  }
});

test('a reader starts anew with short delays once storage was there', async () => {
  const { clock, source, sessions } = setUp();
  for (let attempt = 0; attempt < 8; attempt++) {
    (await source.attempt(attempt)).end();
    await clock.settle();
    clock.advance(3000);
  }
  const stream = await source.attempt(8);
  stream.open(5);
  stream.ready(1, [0]);
  stream.end();
  await clock.settle();

  expect((clock.nextTimerMs ?? NaN) - clock.now()).toBeLessThanOrEqual(100);
  clock.advance(100);
  const next = await source.attempt(9);
  next.open(6);
  next.ready(1, [0]);
  clock.runDeferred();
  expect(sessions).toEqual([5n, 6n]);
});

test('a reader leaves a storage that another has superseded', async () => {
  const { clock, source, logger } = setUp();
  const stream = await source.attempt(0);
  stream.open(2);
  stream.end();
  await clock.settle();
  clock.advance(100);
  const superseded = await source.attempt(1);
  superseded.open(1);

  expect(superseded.closed).toBe(true);
  expect(logger.messages('warn')).toContain('storage is left');
});

test('a storage that cannot be worked with is told of once, however often it takes the scheduler', async () => {
  const { clock, source, logger } = setUp();
  for (let attempt = 0; attempt < 5; attempt++) {
    const stream = await source.attempt(attempt);
    stream.open(1);
    stream.end(new SpiderError('failed-precondition', 'pool: update storage first'));
    await clock.settle();
    clock.advance(100);
  }
  expect(logger.messages('warn')).toEqual(['no connection to storage']);
});

test('a reader that is stopped closes its stream, or stops waiting', async () => {
  const first = setUp();
  const stream = await first.source.attempt(0);
  first.stop.abort();
  await first.running;
  expect(stream.closed).toBe(true);

  const second = setUp();
  (await second.source.attempt(0)).end();
  await second.clock.settle();
  second.stop.abort();
  await second.running;
  expect(second.clock.pendingTimers).toBe(0);
});
