import { describe, expect, it } from 'vitest';

import { backoffDelayMs, DEFAULT_BACKOFF, retry, type RetryOptions } from './backoff.ts';
import { ManualClock } from './testing.ts';

const noJitter = { float: () => 0, uint32: () => 0 };

describe('backoffDelayMs', () => {
  it('doubles up to its limit', () => {
    const delays = [0, 1, 2, 3, 4, 5, 6, 2_000].map((attempt) =>
      backoffDelayMs(attempt, DEFAULT_BACKOFF, noJitter),
    );

    expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_000, 3_000, 3_000]);
  });

  it('leaves the given share to chance, and never exceeds the limit', () => {
    const policy = { initialDelayMs: 1_000, maxDelayMs: 1_000, jitter: 0.5 };

    expect(backoffDelayMs(0, policy, { ...noJitter, float: () => 0 })).toBe(1_000);
    expect(backoffDelayMs(0, policy, { ...noJitter, float: () => 0.5 })).toBe(750);
    expect(backoffDelayMs(0, policy, { ...noJitter, float: () => 1 })).toBe(500);
  });
});

describe('retry', () => {
  const clock = new ManualClock();
  const options: RetryOptions = { clock, rng: noJitter, isRetryable: () => true };

  /** Fails so many times, then succeeds. */
  function flaky(failures: number): { calls: number; run: () => Promise<string> } {
    const operation = {
      calls: 0,
      run: async () => {
        operation.calls++;
        if (operation.calls <= failures) throw new Error(`failure ${operation.calls}`);
        return 'done';
      },
    };
    return operation;
  }

  async function fireTimers(most: number): Promise<void> {
    await clock.settle();
    while (clock.pendingTimers > 0 && most-- > 0) {
      clock.advance(3_000);
      await clock.settle();
    }
  }

  it('answers what the first successful try answers', async () => {
    const operation = flaky(2);
    const waits: number[] = [];
    const result = retry(operation.run, { ...options, onRetry: (_, ms) => waits.push(ms) });
    await fireTimers(5);

    expect(await result).toBe('done');
    expect(operation.calls).toBe(3);
    expect(waits).toEqual([100, 200]);
  });

  it('gives up with the last error', async () => {
    const operation = flaky(100);
    const result = retry(operation.run, { ...options, maxRetries: 3 }).catch(String);
    await fireTimers(10);

    expect(await result).toBe('Error: failure 4');
  });

  it('faces at once an error that repetition does not cure', async () => {
    const operation = flaky(1);

    await expect(retry(operation.run, { ...options, isRetryable: () => false })).rejects.toThrow(
      'failure 1',
    );
    expect(clock.pendingTimers).toBe(0);
  });

  it('stops waiting when it is told to', async () => {
    const stop = new AbortController();
    const result = retry(flaky(100).run, { ...options, signal: stop.signal }).catch(String);
    await clock.settle();
    stop.abort(new Error('enough'));

    expect(await result).toBe('Error: enough');
    expect(clock.pendingTimers).toBe(0);
  });
});
