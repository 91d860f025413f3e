import { describe, expect, test } from 'vitest';
import type { CancelledEffect } from './job-effect.ts';
import { LiveInstances } from './live-instances.ts';

function instancesOf(row: number, ...numbers: number[]): LiveInstances {
  const instances = new LiveInstances(4);
  for (const number of numbers) instances.add(row, number, number * 10);
  return instances;
}

function listed(instances: LiveInstances, row: number): [number, number][] {
  const list: [number, number][] = [];
  instances.visit(row, (instance, executionManager) => list.push([instance, executionManager]));
  return list;
}

describe('the live instances of a task', () => {
  test('are listed oldest first, with who runs them', () => {
    const instances = instancesOf(1, 3, 5, 8);
    expect(listed(instances, 1)).toEqual([
      [3, 30],
      [5, 50],
      [8, 80],
    ]);
    expect(instances.count(1)).toBe(3);
    expect(instances.liveCount).toBe(3);
    expect(listed(instances, 0)).toEqual([]);
  });

  test.each([
    ['the first', 3, [5, 8]],
    ['a further one', 5, [3, 8]],
    ['the last', 8, [3, 5]],
  ])('go on without %s', (_which, gone, rest) => {
    const instances = instancesOf(1, 3, 5, 8);
    instances.remove(1, gone);
    expect(listed(instances, 1).map(([instance]) => instance)).toEqual(rest);
    expect(instances.isLive(1, gone)).toBe(false);
    expect(instances.managerOf(1, gone)).toBe(-1);
    for (const number of rest) expect(instances.managerOf(1, number)).toBe(number * 10);
    expect(instances.liveCount).toBe(2);
  });

  test('can change hands', () => {
    const instances = instancesOf(1, 3, 5);
    expect(instances.transfer(1, 3, 7)).toBe(true);
    expect(instances.transfer(1, 5, 7)).toBe(true);
    expect(instances.transfer(1, 6, 7)).toBe(false);
    expect(instances.transfer(0, 3, 7)).toBe(false);
    expect(listed(instances, 1)).toEqual([
      [3, 7],
      [5, 7],
    ]);
  });

  test('can all be taken away', () => {
    const instances = instancesOf(1, 3, 5);
    const gone: CancelledEffect = {
      type: 'cancelled',
      executionManagers: [],
      taskIndices: [],
      instances: [],
    };
    instances.drain(1, 99, gone);
    instances.drain(2, 98, gone);
    expect(gone).toEqual({
      type: 'cancelled',
      executionManagers: [30, 50],
      taskIndices: [99, 99],
      instances: [3, 5],
    });
    expect([instances.count(1), instances.liveCount]).toEqual([0, 0]);
  });

  test('include neither a winner nor number 0', () => {
    const instances = instancesOf(1, 3);
    instances.win(1, 3);
    expect(instances.winner(1)).toBe(3);
    expect([instances.count(1), instances.liveCount]).toEqual([0, 0]);
    for (const number of [3, -3, 0]) expect(instances.isLive(1, number)).toBe(false);
    expect(instances.isLive(0, 0)).toBe(false);
  });

  test('are remembered when they end, the highest number of each task', () => {
    const instances = instancesOf(1, 3, 5);
    expect(instances.lastEnded(1)).toBe(0);
    instances.end(1, 5);
    instances.end(1, 3);
    expect([instances.lastEnded(1), instances.lastEnded(0)]).toEqual([5, 0]);
  });
});
