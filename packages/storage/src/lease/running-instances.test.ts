import { expect, test } from 'vitest';
import { RunningInstances } from './running-instances.ts';

test('those that are due are taken out, in order', () => {
  const running = new RunningInstances();
  for (let at = 0; at < 10; at++) running.push(at, 100 + at, at >> 1);
  expect(running.firstDueUs).toBe(0);
  expect([...running.takeDue(2).taskIndices]).toEqual([0, 1, 2, 3, 4, 5]);
  expect(running.length).toBe(4);
  expect(running.firstDueUs).toBe(3);
  running.push(10, 110, 9);
  expect([...running.takeDue(9).instances]).toEqual([106, 107, 108, 109, 110]);
  expect(running.firstDueUs).toBeUndefined();
});

test('of very many the ended ones leave, and those that stay keep their times', () => {
  const running = new RunningInstances();
  let most = 0;
  for (let at = 0; at < 100_000; at++) {
    running.push(at, at, at);
    // Some hundred run at a time, and every thousandth for ever.
    running.prune((taskIndex) => taskIndex % 1000 === 0 || taskIndex > at - 300);
    most = Math.max(most, running.length);
  }
  expect(most).toBeLessThanOrEqual(2000);
  expect([...running.takeDue(5_000).taskIndices]).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
  expect(running.firstDueUs).toBe(6_000);
});
