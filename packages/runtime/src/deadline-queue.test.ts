import { beforeEach, describe, expect, it } from 'vitest';

import { DeadlineQueue } from './deadline-queue.ts';
import { ManualClock } from './testing.ts';

let clock: ManualClock;
let queue: DeadlineQueue;
let met: string[];

beforeEach(() => {
  clock = new ManualClock(0);
  queue = new DeadlineQueue(clock);
  met = [];
});

const deadline = (name: string) => queue.create(() => met.push(`${name}@${clock.now()}`));

describe('DeadlineQueue', () => {
  it('meets deadlines in the order of time, with one timer for all', () => {
    deadline('late').set(30);
    deadline('early').set(10);
    deadline('middle').set(20);
    expect(clock.pendingTimers).toBe(1);

    clock.advance(15);
    expect(met).toEqual(['early@10']);
    clock.advance(100);
    expect(met).toEqual(['early@10', 'middle@20', 'late@30']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('meets those of one time in the order of setting', () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) deadline(name).set(10);
    clock.advance(10);

    expect(met).toEqual(['a@10', 'b@10', 'c@10', 'd@10', 'e@10']);
  });

  it('forgets a deadline that is cleared', () => {
    const kept = deadline('kept');
    const cleared = deadline('cleared');
    kept.set(20);
    cleared.set(10);
    cleared.clear();
    cleared.clear();
    expect(cleared.isSet).toBe(false);

    clock.advance(100);
    expect(met).toEqual(['kept@20']);
  });

  it('moves a deadline to a later time', () => {
    const moved = deadline('moved');
    moved.set(10);
    clock.advance(5);
    moved.set(10);

    clock.advance(9);
    expect(met).toEqual([]);
    clock.advance(1);
    expect(met).toEqual(['moved@15']);
  });

  it('moves a deadline to an earlier time, before others', () => {
    const moved = deadline('moved');
    moved.set(1_000);
    deadline('other').set(20);
    moved.set(10);

    clock.advance(20);
    expect(met).toEqual(['moved@10', 'other@20']);
    clock.advance(2_000);
    expect(met).toHaveLength(2);
  });

  it('sets a cleared deadline anew', () => {
    const again = deadline('again');
    again.set(10);
    again.clear();
    again.set(5);
    clock.advance(5);
    again.set(7);
    clock.advance(7);

    expect(met).toEqual(['again@5', 'again@12']);
  });

  it('takes Infinity for never', () => {
    const never = deadline('never');
    never.set(10);
    never.set(Infinity);
    expect(never.isSet).toBe(false);

    clock.advance(1_000_000);
    expect(met).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('lets a callback set deadlines, its own among them', () => {
    const again = queue.create(() => {
      met.push(`again@${clock.now()}`);
      if (met.length < 3) again.set(10);
    });
    again.set(10);
    clock.advance(100);

    expect(met).toEqual(['again@10', 'again@20', 'again@30']);
  });

  it('meets the others when a callback throws', () => {
    queue
      .create(() => {
        throw new Error('broken');
      })
      .set(10);
    deadline('other').set(10);

    expect(() => clock.advance(10)).toThrow('broken');
    clock.advance(0);
    expect(met).toEqual(['other@10']);
  });

  it('stays small and quiet while a timeout is set and cleared over and over', () => {
    const timeout = deadline('timeout');
    for (let round = 0; round < 10_000; round++) {
      timeout.set(1_000);
      clock.advance(1);
      timeout.clear();
    }
    clock.advance(10_000);

    expect(met).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('meets nothing any more once it is disposed of', () => {
    const forgotten = deadline('forgotten');
    forgotten.set(10);
    queue[Symbol.dispose]();

    expect(clock.pendingTimers).toBe(0);
    expect(forgotten.isSet).toBe(false);
    clock.advance(100);
    expect(met).toEqual([]);
  });
});
