import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { memoryUse } from './memory-use.ts';
import { MemoryWatch } from './memory-watch.ts';

function watched(): {
  clock: ManualClock;
  watch: MemoryWatch;
  held: number;
  exceeded: number;
  grown: number;
} {
  const clock = new ManualClock();
  const state = { clock, held: 0, exceeded: 0, grown: 0 };
  const watch = new MemoryWatch({
    clock,
    limitBytes: 100,
    grownBytes: 50,
    read: () => state.held,
    onExceeded: () => (state.exceeded += 1),
    onGrown: () => (state.grown += 1),
  });
  return Object.assign(state, { watch });
}

test('a process that holds too much while it has something to run is told of, once', async () => {
  const state = watched();
  state.watch.add(2);
  state.held = 100;
  state.clock.advance(1_000);
  expect([state.exceeded, state.grown]).toEqual([0, 1]);
  state.held = 101;
  state.clock.advance(1_000);
  expect(state.exceeded).toBe(1);
  expect(state.clock.pendingTimers).toBe(0);
});

test('nobody looks while there is nothing to run, or when the process is gone', async () => {
  const { clock, watch } = watched();
  expect(clock.pendingTimers).toBe(0);
  watch.add(1);
  watch.add(-1);
  clock.advance(1_000);
  expect(clock.pendingTimers).toBe(0);
  watch.add(1);
  watch.stop();
  expect(clock.pendingTimers).toBe(0);
});

test.skipIf(process.platform !== 'linux')('the use of a process is read from /proc', () => {
  const bytes = memoryUse(process.pid);
  expect(bytes).toBeGreaterThan(process.memoryUsage.rss() / 2);
  expect(memoryUse(2 ** 30)).toBe(0);
});
