import { create } from '@bufbuild/protobuf';
import { type JobTasks, JobTasksSchema } from '@spider/proto';
import { beforeEach, expect, test } from 'vitest';
import { AcknowledgedBatches } from './acknowledged-batches.ts';
import { type AssignmentBatch, LeaseLedger } from './lease-ledger.ts';

const tasksOf = (jobId: bigint, ...taskIndexes: number[]): JobTasks =>
  create(JobTasksSchema, { jobId, resourceGroupId: 1n, taskIndexes });

const batchOf = (number: number): AssignmentBatch => ({
  number,
  askedAtUs: number * 100,
  unanswered: 0,
});

let completed: number[];
let ledger: LeaseLedger;
beforeEach(() => {
  completed = [];
  ledger = new LeaseLedger((batch) => completed.push(batch.number));
});

test('a batch is complete with the answer to its last lease, of whatever job', () => {
  const batch = batchOf(1);
  ledger.add(batch, tasksOf(1n, 0, 1));
  ledger.add(batch, tasksOf(2n, 0));
  expect(ledger.granted(1n, [1, 0])).toEqual({ count: 2, askedAtUs: 100 });
  expect(completed).toEqual([]);
  expect(ledger.granted(2n, [0])).toEqual({ count: 1, askedAtUs: 100 });
  expect(completed).toEqual([1]);
});

test('answers that were not asked for change nothing', () => {
  ledger.add(batchOf(1), tasksOf(1n, 0));
  expect(ledger.granted(9n, [0])).toEqual({ count: 0, askedAtUs: undefined });
  expect(ledger.granted(1n, [5])).toEqual({ count: 0, askedAtUs: undefined });
  expect(ledger.count).toBe(1);
});

test('a task that is assigned twice is asked for once; that it is granted holds for both', () => {
  const again = batchOf(2);
  const tasks = tasksOf(1n, 0, 1);
  expect(ledger.add(batchOf(1), tasks)).toBe(tasks);
  expect(ledger.add(again, tasksOf(1n, 1, 2)).taskIndexes).toEqual([2]);
  expect(ledger.count).toBe(3);
  ledger.granted(1n, [0, 1]);
  expect(completed).toEqual([1]);
  ledger.granted(1n, [2]);
  expect(completed).toEqual([1, 2]);
  expect(ledger.count).toBe(0);
});

test('a task that is refused and was assigned twice is asked for anew', () => {
  // The refusal may be from before the second assignment, and on another way.
  ledger.add(batchOf(1), tasksOf(1n, 0, 1));
  ledger.add(batchOf(2), tasksOf(1n, 1));
  expect(ledger.refused(1n, [1, 0])).toMatchObject({
    count: 1,
    repeated: { jobId: 1n, resourceGroupId: 1n, taskIndexes: [1] },
  });
  expect(completed).toEqual([1]);
  expect(ledger.count).toBe(1);
  expect(ledger.refused(1n, [1])).toMatchObject({ count: 1, repeated: undefined });
  expect(completed).toEqual([1, 2]);
  expect(ledger.count).toBe(0);
});

test('of a task that is assigned again and again the last assignment counts', () => {
  for (const number of [1, 2, 3]) ledger.add(batchOf(number), tasksOf(1n, 0));
  expect(completed).toEqual([2]);
  expect(ledger.refused(1n, [0]).repeated?.taskIndexes).toEqual([0]);
  expect(completed).toEqual([2, 1]);
  ledger.granted(1n, [0]);
  expect(completed).toEqual([2, 1, 3]);
});

test('what is not answered can be asked for again', () => {
  ledger.add(batchOf(1), tasksOf(1n, 0, 1, 2));
  ledger.add(batchOf(1), tasksOf(2n, 7));
  ledger.granted(1n, [1]);
  expect(ledger.unanswered()).toMatchObject([
    { jobId: 1n, resourceGroupId: 1n, taskIndexes: [0, 2] },
    { jobId: 2n, taskIndexes: [7] },
  ]);
});

test('cleared, it knows of nothing', () => {
  ledger.add(batchOf(1), tasksOf(1n, 0));
  ledger.clear();
  expect(ledger.count).toBe(0);
  expect(ledger.granted(1n, [0]).count).toBe(0);
  expect(completed).toEqual([]);
});

test('batches are acknowledged in their order, however they are completed', () => {
  const batches = new AcknowledgedBatches();
  const [first, second, third] = [batchOf(1), batchOf(2), batchOf(3)];
  for (const batch of [first, second, third]) batches.open(batch);
  expect(batches.complete(second)).toBe(false);
  expect(batches.takeNewest()).toBe(0);
  expect(batches.complete(first)).toBe(true);
  expect(batches.takeNewest()).toBe(2);
  expect(batches.takeNewest()).toBe(0);
  expect(batches.complete(batchOf(3))).toBe(false);
  expect(batches.complete(third)).toBe(true);
  expect(batches.takeNewest()).toBe(3);
});
