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
  expect(ledger.answered(1n, [1, 0])).toEqual({ count: 2, askedAtUs: 100 });
  expect(completed).toEqual([]);
  expect(ledger.answered(2n, [0])).toEqual({ count: 1, askedAtUs: 100 });
  expect(completed).toEqual([1]);
});

test('answers that were not asked for change nothing', () => {
  ledger.add(batchOf(1), tasksOf(1n, 0));
  expect(ledger.answered(9n, [0])).toEqual({ count: 0, askedAtUs: undefined });
  expect(ledger.answered(1n, [5])).toEqual({ count: 0, askedAtUs: undefined });
  expect(ledger.count).toBe(1);
});

test('a task that is assigned twice is asked for twice, and is of the later batch', () => {
  const [first, again] = [batchOf(1), batchOf(2)];
  ledger.add(first, tasksOf(1n, 0, 1));
  ledger.add(again, tasksOf(1n, 1, 2));
  expect([first.unanswered, again.unanswered, ledger.count]).toEqual([1, 2, 4]);
  ledger.answered(1n, [0]);
  expect(completed).toEqual([1]);
  // The answer to what was asked for first says nothing of what the scheduler assigned then.
  expect(ledger.answered(1n, [1, 2])).toEqual({ count: 2, askedAtUs: 200 });
  expect(completed).toEqual([1]);
  expect(ledger.answered(1n, [1])).toEqual({ count: 1, askedAtUs: 200 });
  expect(completed).toEqual([1, 2]);
  expect(ledger.count).toBe(0);
});

test('a batch that has all its tasks taken over has nothing left to wait for', () => {
  ledger.add(batchOf(1), tasksOf(1n, 0));
  ledger.add(batchOf(2), tasksOf(1n, 0));
  expect(completed).toEqual([1]);
  expect(ledger.unanswered()).toMatchObject([
    { jobId: 1n, taskIndexes: [0] },
    { jobId: 1n, taskIndexes: [0] },
  ]);
});

test('what is not answered can be asked for again', () => {
  ledger.add(batchOf(1), tasksOf(1n, 0, 1, 2));
  ledger.add(batchOf(1), tasksOf(2n, 7));
  ledger.answered(1n, [1]);
  expect(ledger.unanswered()).toMatchObject([
    { jobId: 1n, resourceGroupId: 1n, taskIndexes: [0, 2] },
    { jobId: 2n, taskIndexes: [7] },
  ]);
});

test('cleared, it knows of nothing', () => {
  ledger.add(batchOf(1), tasksOf(1n, 0));
  ledger.clear();
  expect(ledger.count).toBe(0);
  expect(ledger.answered(1n, [0]).count).toBe(0);
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
