import type { Steps } from '@spider/core';
import type { Clock } from '@spider/runtime';
import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { LongWork } from './long-work.ts';

/** A clock whose turns come when the test wants, and which each step moves on. */
function start() {
  const clock = new ManualClock();
  const deferred: (() => void)[] = [];
  let nowUs = 0;
  const work = new LongWork({
    now: () => clock.now(),
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    sleep: (delayMs, options) => clock.sleep(delayMs, options),
    monotonicUs: () => nowUs,
    defer: (callback) => deferred.push(callback),
  } satisfies Clock);
  const log: string[] = [];
  function* steps(name: string, count: number): Steps<string> {
    for (let step = 0; step < count; step++) {
      log.push(name);
      nowUs += 5_000;
      yield;
    }
    return name;
  }
  const turn = async (): Promise<number> => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
    const due = deferred.splice(0);
    for (const callback of due) callback();
    return due.length;
  };
  return { work, log, steps, turn };
}

test('short work is done at once, while long work is under way', async () => {
  const { work, log, steps } = start();
  void work.run(steps('long', 10));
  expect(await work.run(steps('short', 1))).toBe('short');
  expect(log).toEqual(['long', 'long', 'short']);
});

test('long work takes turns of some milliseconds, one piece after another', async () => {
  const { work, log, steps, turn } = start();
  const results = Promise.all([work.run(steps('a', 6)), work.run(steps('b', 4))]);
  expect(log).toEqual(['a', 'a', 'b', 'b']);
  let turns = 0;
  while ((await turn()) > 0) turns += 1;
  expect(log.join('')).toBe('aabbaaaabb');
  expect(turns).toBe(5);
  expect(await results).toEqual(['a', 'b']);
});

test('work that fails does not keep what comes behind it from its turn', async () => {
  const { work, steps, turn } = start();
  function* failing(): Steps<string> {
    yield* steps('a', 3);
    throw new Error('no');
  }
  const failed = work.run(failing());
  const next = work.run(steps('b', 4));
  failed.catch(() => undefined);
  while ((await turn()) > 0);
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('b');
});
