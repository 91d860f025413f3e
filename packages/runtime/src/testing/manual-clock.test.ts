import { describe, expect, it } from 'vitest';

import { ManualClock } from './manual-clock.ts';

describe('ManualClock', () => {
  it('fires timers in the order of time, then of setting', () => {
    const clock = new ManualClock(1_000);
    const fired: string[] = [];
    clock.setTimer(20, () => fired.push(`c@${clock.now()}`));
    clock.setTimer(10, () => fired.push(`a@${clock.now()}`));
    clock.setTimer(10, () => fired.push(`b@${clock.now()}`));
    clock.setTimer(15, () => fired.push('never')).cancel();
    expect(clock.nextTimerMs).toBe(1_010);

    clock.advance(20);
    expect(fired).toEqual(['a@1010', 'b@1010', 'c@1020']);
    expect(clock.monotonicUs()).toBe(1_020_000);
  });

  it('fires a timer that another sets on the way', () => {
    const clock = new ManualClock(0);
    const fired: number[] = [];
    clock.setTimer(10, () => clock.setTimer(5, () => fired.push(clock.now())));
    clock.advance(20);

    expect(fired).toEqual([15]);
  });

  it('ends a sleep in time, or at once with the reason of its signal', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const slept = clock.sleep(10);
    const stopped = clock.sleep(10, { signal: stop.signal });
    stop.abort(new Error('enough'));

    await expect(stopped).rejects.toThrow('enough');
    await expect(clock.sleep(1, { signal: stop.signal })).rejects.toThrow('enough');
    expect(clock.pendingTimers).toBe(1);
    clock.advance(10);
    await slept;
  });

  it('runs what was deferred when it is told to', async () => {
    const clock = new ManualClock();
    const ran: string[] = [];
    clock.defer(() => {
      ran.push('first');
      clock.defer(() => ran.push('second'));
    });
    expect(ran).toEqual([]);
    clock.runDeferred();
    expect(ran).toEqual(['first', 'second']);

    void Promise.resolve().then(() => clock.defer(() => ran.push('third')));
    await clock.settle();
    expect(ran).toEqual(['first', 'second', 'third']);
  });
});
