import { describe, expect, test } from 'vitest';
import { Dispatch, ReadyQueue } from './ready-queue.ts';

function queueOf(...rows: number[]): ReadyQueue {
  const queue = new ReadyQueue(10);
  for (const row of rows) queue.push(row);
  return queue;
}

describe('the ready queue', () => {
  test('is first in, first out', () => {
    const queue = queueOf(5, 2, 8);
    expect([queue.handOut(), queue.handOut(), queue.handOut()]).toEqual([5, 2, 8]);
    expect(queue.queuedCount).toBe(0);
    expect(queue.handedOutCount).toBe(3);
  });

  test('has a task once', () => {
    const queue = queueOf(5, 5);
    expect([...queue.queued()]).toEqual([5]);
    queue.handOut();
    queue.push(5);
    expect(queue.queuedCount).toBe(0);
    expect(queue.dispatch(5)).toBe(Dispatch.HandedOut);
  });

  test.each([
    ['the first', 1, [2, 3]],
    ['one in the middle', 2, [1, 3]],
    ['the last', 3, [1, 2]],
  ])('lets %s leave', (_which, row, rest) => {
    const queue = queueOf(1, 2, 3);
    queue.remove(row);
    expect([...queue.queued()]).toEqual(rest);
    queue.push(row);
    expect([...queue.queued()]).toEqual([...rest, row]);
  });

  test('takes back what was handed out in front, in order of the rows', () => {
    const queue = queueOf(9, 3, 5, 1);
    queue.handOut();
    queue.handOut();
    queue.handOut();
    queue.remove(3);
    queue.takeAllBack();
    expect([...queue.queued()]).toEqual([5, 9, 1]);
    expect(queue.handedOutCount).toBe(0);
  });

  test('does not take back what was not handed out', () => {
    const queue = queueOf(7, 3);
    queue.takeBack(3);
    queue.takeBack(9);
    expect([...queue.queued()]).toEqual([7, 3]);
  });

  test('can be emptied', () => {
    const queue = queueOf(7, 3, 4);
    queue.handOut();
    queue.clear();
    expect([queue.queuedCount, queue.handedOutCount, ...queue.queued()]).toEqual([0, 0]);
    queue.push(7);
    expect(queue.handOut()).toBe(7);
  });
});
