import { COMMIT_TASK_INDEX, CLEANUP_TASK_INDEX, JobState } from '@spider/core';
import type { TimestampMs } from '@spider/core';
import { expect, test } from 'vitest';
import type { Job } from '../cache/job.ts';
import { chain, flat, withTermination } from '../testing/graphs.ts';
import { testJob } from '../testing/jobs.ts';
import { InboundQueue } from './inbound-queue.ts';
import { Lane } from './lane.ts';

function take(queue: InboundQueue, most: number, lane?: Lane): [number, number[]][] {
  const taken: [number, number[]][] = [];
  const add = (job: Job, taskIndexes: number[]): unknown => taken.push([job.number, taskIndexes]);
  const count = lane === undefined ? queue.take(most, add) : queue.takeFrom(lane, most, add);
  expect(count).toBe(taken.reduce((sum, [, indexes]) => sum + indexes.length, 0));
  return taken;
}

test('jobs take turns, and each task is taken once', () => {
  const queue = new InboundQueue();
  const [long, short] = [testJob(1, flat(600)), testJob(2, flat(3))];
  for (const job of [long, short, long]) queue.add(job);
  const turns = take(queue, 700);
  expect(turns.map(([job, indexes]) => [job, indexes.length])).toEqual([
    [1, 88],
    [2, 3],
    [1, 512],
  ]);
  expect(new Set(turns.flatMap(([job, indexes]) => indexes.map((i) => `${job}/${i}`))).size).toBe(
    603,
  );
  expect(queue.isEmpty).toBe(true);
});

test('no more are taken than were asked for, and the rest stays', () => {
  const queue = new InboundQueue();
  queue.add(testJob(1, flat(5)));
  expect(take(queue, 2)).toEqual([[1, [0, 1]]]);
  expect(take(queue, 0)).toEqual([]);
  expect(take(queue, -3)).toEqual([]);
  expect(take(queue, 10)).toEqual([[1, [2, 3, 4]]]);
});

test('each kind of tasks has its lane, and what ends jobs goes first', () => {
  const queue = new InboundQueue();
  queue.add(testJob(1, flat(1)));
  queue.add(testJob(2, withTermination(), JobState.CleanupReady));
  queue.add(testJob(3, withTermination(), JobState.CommitReady));
  queue.add(testJob(4, withTermination(), JobState.CommitReady));
  expect(take(queue, 1, Lane.Commit)).toEqual([[3, [COMMIT_TASK_INDEX]]]);
  expect(take(queue, 9)).toEqual([
    [4, [COMMIT_TASK_INDEX]],
    [2, [CLEANUP_TASK_INDEX]],
    [1, [0]],
  ]);
});

test('a job that is cancelled while it waits changes lanes', () => {
  const queue = new InboundQueue();
  const job = testJob(1, withTermination());
  queue.add(job);
  job.machine.handle({ type: 'cancel', request: 1, at: 1 as TimestampMs });
  job.machine.handle({ type: 'persisted', to: JobState.CleanupReady });
  queue.add(job);
  queue.add(testJob(2, chain(1)));
  expect(take(queue, 9, Lane.Regular)).toEqual([[2, [0]]]);
  expect(take(queue, 9, Lane.Cleanup)).toEqual([[1, [CLEANUP_TASK_INDEX]]]);
  expect(queue.isEmpty).toBe(true);
});

test('a job that has ended is gone, wherever it was', () => {
  const queue = new InboundQueue();
  const jobs = Array.from({ length: 5000 }, (_, at) => testJob(at, flat(2)));
  for (const job of jobs) queue.add(job);
  // The first one is in the middle of its turn.
  take(queue, 1);
  for (const job of jobs) if (job.number % 100 !== 99) queue.remove(job);
  for (const job of jobs) if (job.number % 100 !== 99) queue.remove(job);
  expect(take(queue, 4)).toEqual([
    [99, [0]],
    [199, [0]],
    [299, [0]],
    [399, [0]],
  ]);
  expect(take(queue, 1000)).toHaveLength(50);
  expect(queue.isEmpty).toBe(true);
});

test('a job that is broken, or waits for its records, gives nothing', () => {
  const queue = new InboundQueue();
  const [broken, held] = [testJob(1, flat(1)), testJob(2, flat(1))];
  for (const job of [broken, held]) queue.add(job);
  broken.isBroken = true;
  held.heldUntil = 7;
  expect(take(queue, 9)).toEqual([]);
  held.heldUntil = 0;
  queue.add(held);
  expect(take(queue, 9)).toEqual([[2, [0]]]);
});
