import { create } from '@bufbuild/protobuf';
import { ExecutorOutcome } from '@spider/core';
import { type JobTasks, JobTasksSchema } from '@spider/proto';
import { ManualClock } from '@spider/runtime/testing';
import { beforeEach, expect, test } from 'vitest';
import { LeaseLedger } from '../assignment/lease-ledger.ts';
import { packPayloads } from '../machine/payload-ranges.ts';
import { OutcomeReporter } from '../report/outcome-reporter.ts';
import { makeLot } from '../testing/make-lot.ts';
import { ExchangeOutbox } from './exchange-outbox.ts';
import { toJobInstances } from './held-instances.ts';

let reporter: OutcomeReporter;
let ledger: LeaseLedger;
let outbox: ExchangeOutbox;
beforeEach(() => {
  reporter = new OutcomeReporter({
    clock: new ManualClock(),
    onGathered: () => undefined,
    onBacklog: () => undefined,
  });
  ledger = new LeaseLedger(() => undefined);
  outbox = new ExchangeOutbox(reporter, ledger);
});

const tasksOf = (jobId: bigint, count: number): JobTasks =>
  create(JobTasksSchema, { jobId, taskIndexes: Array.from({ length: count }, (_, i) => i) });

function report(count: number): void {
  const lot = makeLot({ count });
  const numbers = Array.from({ length: count }, (_, i) => i);
  reporter.answered(
    {
      count,
      outcomes: numbers.map(() => ExecutorOutcome.Succeeded),
      elapsedUs: numbers.map(() => 1),
      payloads: packPayloads(numbers.map(() => new Uint8Array(4))),
    },
    numbers.map(() => lot),
    numbers,
  );
}

test('leases and reports of a turn travel together', () => {
  outbox.lease(tasksOf(1n, 2));
  outbox.lease(tasksOf(2n, 0));
  report(1);
  const requests = outbox.take();
  expect(requests).toHaveLength(1);
  expect(requests[0]?.leases).toHaveLength(1);
  expect(requests[0]?.reports).toHaveLength(1);
  expect(requests[0]?.reportSequence).toBe(1n);
  expect(outbox.take()).toEqual([]);
});

test('each message of reports has its own number', () => {
  report(300);
  expect(outbox.take().map(({ reportSequence }) => reportSequence)).toEqual([1n, 2n]);
});

test('no message has more leases than one may have', () => {
  for (let job = 0; job < 5; job += 1) outbox.lease(tasksOf(BigInt(job), 1_500));
  expect(outbox.take().map(({ leases }) => leases.length)).toEqual([2, 2, 1]);
});

test('a new stream begins with who we are, what we hold, and all that was left open', () => {
  const lot = makeLot({ jobId: 9n, instanceBase: 50n, count: 3 });
  const running = toJobInstances({ lots: [lot, lot], positions: [2, 0] }, 2_500_000);
  ledger.add({ number: 1, askedAtUs: 0, unanswered: 0 }, tasksOf(1n, 2));
  outbox.lease(tasksOf(1n, 2));
  report(300);
  const [hello, leases, ...reports] = outbox.opening(4n, running);
  expect(hello?.hello?.executionManagerId).toBe(4n);
  expect(hello?.hello?.held).toMatchObject([
    { jobId: 9n, instanceBase: 50n, taskIndexes: [2, 0], instanceOffsets: [2, 0], ageMs: 2500 },
    { taskIndexes: { length: 256 }, ageMs: 0 },
    { taskIndexes: { length: 44 } },
  ]);
  expect(leases?.leases).toMatchObject([{ jobId: 1n, taskIndexes: [0, 1] }]);
  expect(reports.map(({ reportSequence }) => reportSequence)).toEqual([1n, 2n]);
  expect(outbox.take()).toEqual([]);
});
