import { SeededRng } from '@spider/runtime';
import { describe, expect, test } from 'vitest';
import { pauseMs } from './pace.ts';

/** Strikes so often within the time, each blow taking so long, and tells when it was done. */
function strike(goal: number, lengthMs: number, blowMs: () => number): number {
  const rng = new SeededRng('pace');
  let nowMs = 0;
  let tookMs = 0;
  for (let struck = 0; struck < goal; struck++) {
    const state = { leftMs: lengthMs - nowMs, leftBlows: goal - struck, tookMs, everyMs: 5_000 };
    nowMs += pauseMs({ ...state, lot: rng.float() });
    tookMs = blowMs();
    nowMs += tookMs;
  }
  return nowMs;
}

describe('the pace of blows', () => {
  test.each([
    ['quick ones', 500, () => 1],
    ['slow ones', 50, () => 8_000],
    [
      'such that take longer and longer',
      100,
      (
        (ms = 0) =>
        () =>
          (ms += 80)
      )(),
    ],
  ])('reaches the number that was asked for in the time, with %s', (_, goal, blowMs) => {
    const doneMs = strike(goal, 600_000, blowMs);
    expect(doneMs).toBeLessThan(600_000);
    // They are spread over it.
    expect(doneMs).toBeGreaterThan(400_000);
  });

  test('does not pause when there is no time left', () => {
    const state = { lot: 0.9, leftMs: 0, leftBlows: 10, tookMs: 0, everyMs: 5_000 };
    expect(pauseMs(state)).toBe(0);
  });

  test('is the usual one without a number to be reached', () => {
    const state = { leftMs: 0, leftBlows: undefined, tookMs: 0, everyMs: 5_000 };
    expect(pauseMs({ ...state, lot: 0 })).toBe(1_000);
    expect(pauseMs({ ...state, lot: 0.5 })).toBe(5_000);
  });
});
