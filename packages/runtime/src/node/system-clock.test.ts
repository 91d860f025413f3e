import { describe, expect, it, vi } from 'vitest';

import { systemClock } from './system-clock.ts';

describe('systemClock', () => {
  it('tells the time of day, and measures', async () => {
    const before = Date.now();
    const startUs = systemClock.monotonicUs();
    await systemClock.sleep(5);

    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
    expect(systemClock.monotonicUs() - startUs).toBeGreaterThan(3_000);
  });

  it('fires a timer, unless it was cancelled', async () => {
    const fired = Promise.withResolvers<void>();
    const cancelled = vi.fn<() => void>();
    systemClock.setTimer(1, cancelled).cancel();
    systemClock.setTimer(2, fired.resolve);
    await fired.promise;

    expect(cancelled).not.toHaveBeenCalled();
  });

  it('waits for longer than the platform can', () => {
    vi.useFakeTimers();
    try {
      const days = 60 * 24 * 3_600_000;
      const fired = vi.fn<() => void>();
      const cancelled = vi.fn<() => void>();
      systemClock.setTimer(days, fired);
      const timer = systemClock.setTimer(days, cancelled);
      vi.advanceTimersByTime(days - 1);
      expect(fired).not.toHaveBeenCalled();
      timer.cancel();
      vi.advanceTimersByTime(1);

      expect(fired).toHaveBeenCalledOnce();
      expect(cancelled).not.toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });

  it("ends a sleep with its signal's reason", async () => {
    const stop = new AbortController();
    const slept = systemClock.sleep(1_000_000, { signal: stop.signal }).catch(String);
    stop.abort(new Error('enough'));

    expect(await slept).toBe('Error: enough');
    await expect(systemClock.sleep(1, { signal: stop.signal })).rejects.toThrow('enough');
  });

  it('defers until what is at hand is done', async () => {
    const order: string[] = [];
    const ran = Promise.withResolvers<void>();
    systemClock.defer(() => {
      order.push('deferred');
      ran.resolve();
    });
    void Promise.resolve().then(() => order.push('microtask'));
    process.nextTick(() => order.push('next tick'));
    await ran.promise;

    expect(order.at(-1)).toBe('deferred');
    expect(order).toHaveLength(3);
  });
});
