import {
  encodeExecutorError,
  type ExecutorError,
  ExecutorOutcome,
  LIMITS,
  TaskOutcome,
} from '@spider/core';
import { ManualClock } from '@spider/runtime/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import type { InstanceLot } from '../machine/instance-lot.ts';
import { packPayloads } from '../machine/payload-ranges.ts';
import { makeLot } from '../testing/make-lot.ts';
import type { ReportMessage } from './kept-reports.ts';
import { OutcomeReporter } from './outcome-reporter.ts';

const NOW_MS = 1_700_000_000_000;

let backlog: boolean[];
let timesGathered: number;
let reporter: OutcomeReporter;
beforeEach(() => {
  backlog = [];
  timesGathered = 0;
  reporter = new OutcomeReporter({
    clock: new ManualClock(NOW_MS),
    onGathered: () => (timesGathered += 1),
    onBacklog: (isFull) => backlog.push(isFull),
  });
});

function answer(lot: InstanceLot | undefined, position = 0, payload = new Uint8Array(4)): void {
  reporter.answered(
    {
      count: 1,
      outcomes: [ExecutorOutcome.Succeeded],
      elapsedUs: [2_500],
      payloads: packPayloads([payload]),
    },
    [lot],
    [position],
  );
}

function answerError(outcome: ExecutorOutcome, payload: Uint8Array): void {
  reporter.answered(
    { count: 1, outcomes: [outcome], elapsedUs: [10], payloads: packPayloads([payload]) },
    [makeLot()],
    [0],
  );
}

const textOf = (message: ReportMessage | undefined): string =>
  Buffer.from(message?.reports[0]?.payloads ?? []).toString();

const taskError = (message: string): ExecutorError => ({
  kind: 'TaskError',
  error: { kind: 'ExecutionError', message },
});

describe('reports of a turn', () => {
  test('are one message, grouped by job, with all that storage has to know', () => {
    const first = makeLot({ jobId: 1n, instanceBase: 100n, count: 3 });
    const second = makeLot({ jobId: 2n, instanceBase: 200n });
    answer(first, 2, Uint8Array.from([1, 2]));
    answer(second, 0, Uint8Array.from([3]));
    answer(first, 0, Uint8Array.from([4]));
    const [message, ...rest] = reporter.take();
    expect(rest).toEqual([]);
    expect(message).toMatchObject({ sequence: 1, count: 3, bytes: 4 });
    expect(message?.reports).toMatchObject([
      {
        instances: { jobId: 1n, instanceBase: 100n, taskIndexes: [2, 0], instanceOffsets: [2, 0] },
        outcomes: [TaskOutcome.Succeeded, TaskOutcome.Succeeded],
        payloadLengths: [2, 1],
        payloads: Uint8Array.from([1, 2, 4]),
        startedBaseMs: BigInt(NOW_MS - 2),
        startedOffsetsMs: [0, 0],
        elapsedUs: [2_500, 2_500],
      },
      { instances: { jobId: 2n }, payloads: Uint8Array.from([3]) },
    ]);
  });

  test('are announced once', () => {
    answer(makeLot());
    answer(makeLot());
    expect(timesGathered).toBe(1);
    reporter.take();
    answer(makeLot());
    expect(timesGathered).toBe(2);
  });

  test('do not hold what nobody wants to know', () => {
    answer(undefined);
    expect(reporter.take()).toEqual([]);
    expect(reporter.isEmpty).toBe(true);
  });

  test('are cut into messages of 256 tasks', () => {
    const lot = makeLot({ count: 600 });
    for (let position = 0; position < 600; position += 1) answer(lot, position);
    expect(reporter.take().map(({ sequence, count }) => [sequence, count])).toEqual([
      [1, 256],
      [2, 256],
      [3, 88],
    ]);
  });

  test('are cut into messages of about a MiB', () => {
    const lot = makeLot({ count: 3 });
    for (let position = 0; position < 3; position += 1) {
      answer(lot, position, new Uint8Array(500_000));
    }
    expect(reporter.take().map(({ count }) => count)).toEqual([2, 1]);
  });

  test('are copies: what an executor writes next does not change them', () => {
    const payload = Uint8Array.from([1, 2, 3, 4]);
    answer(makeLot(), 0, payload);
    const [message] = reporter.take();
    payload.fill(9);
    expect(message?.reports[0]?.payloads).toEqual(Uint8Array.from([1, 2, 3, 4]));
  });
});

describe('large outputs', () => {
  test('go alone', () => {
    const lot = makeLot({ count: 3 });
    answer(lot, 0);
    answer(lot, 1, new Uint8Array(LIMITS.batchBytes));
    answer(lot, 2);
    expect(reporter.take().map(({ bytes }) => bytes)).toEqual([4, LIMITS.batchBytes, 4]);
  });

  test('that storage would not take are a failure', () => {
    answer(makeLot(), 0, new Uint8Array(LIMITS.taskPayloadBytes + 1));
    const [message] = reporter.take();
    expect(message?.reports[0]?.outcomes).toEqual([TaskOutcome.FailedForGood]);
    expect(textOf(message)).toBe('the outputs have 67108865 bytes, more than 67108864');
  });
});

describe('failures', () => {
  test('are told in words', () => {
    answerError(ExecutorOutcome.Failed, encodeExecutorError(taskError('boom')));
    const [message] = reporter.take();
    expect(message?.reports[0]?.outcomes).toEqual([TaskOutcome.Failed]);
    expect(textOf(message)).toBe('task failed: boom');
  });

  test('for good are told as such', () => {
    answerError(ExecutorOutcome.FailedForGood, encodeExecutorError(taskError('boom')));
    expect(reporter.take()[0]?.reports[0]?.outcomes).toEqual([TaskOutcome.FailedForGood]);
  });

  test('that no one can read say so', () => {
    answerError(ExecutorOutcome.Failed, Uint8Array.from([0xc1]));
    expect(textOf(reporter.take()[0])).toBe(
      'the executor reported an error that cannot be read (1 bytes)',
    );
  });

  test('of many words are cut, and stay text', () => {
    answerError(
      ExecutorOutcome.Failed,
      encodeExecutorError(taskError('ä'.repeat(LIMITS.errorMessageBytes))),
    );
    const [message] = reporter.take();
    expect(message?.bytes).toBeLessThanOrEqual(LIMITS.errorMessageBytes);
    expect(() =>
      new TextDecoder('utf-8', { fatal: true }).decode(message?.reports[0]?.payloads),
    ).not.toThrow();
  });

  test('without an answer carry their reason', () => {
    reporter.failed(makeLot(), 0, TaskOutcome.Failed, 'executor crashed (exit code 1)', 5_000);
    const [message] = reporter.take();
    expect(textOf(message)).toBe('executor crashed (exit code 1)');
    expect(message?.reports[0]).toMatchObject({
      startedBaseMs: BigInt(NOW_MS - 5),
      elapsedUs: [5_000],
    });
  });
});

test('instances that were never run go back with nothing said', () => {
  const lot = makeLot({ count: 2 });
  reporter.released({ lots: [lot, lot], positions: [1, 0] });
  expect(reporter.take()[0]?.reports[0]).toMatchObject({
    instances: { taskIndexes: [1, 0] },
    outcomes: [TaskOutcome.Released, TaskOutcome.Released],
    payloadLengths: [0, 0],
  });
});

describe('messages are kept', () => {
  beforeEach(() => {
    for (let i = 0; i < 3; i += 1) {
      answer(makeLot({ instanceBase: BigInt(i) }));
      reporter.take();
    }
  });

  test('until they are flushed', () => {
    expect(reporter.kept.messages.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    reporter.flushed(2);
    expect(reporter.kept.messages.map(({ sequence }) => sequence)).toEqual([3]);
    expect(reporter.kept.instances()).toMatchObject([{ instanceBase: 2n }]);
    expect(reporter.isEmpty).toBe(false);
    reporter.flushed(3);
    expect(reporter.isEmpty).toBe(true);
    expect(reporter.kept).toMatchObject({ count: 0, bytes: 0 });
  });

  test('or until nobody wants them; their numbers go on', () => {
    reporter.clear();
    expect(reporter.kept.messages).toEqual([]);
    answer(makeLot());
    expect(reporter.take()[0]?.sequence).toBe(4);
  });
});

test('more than is good is told, and when it is over', () => {
  const lot = makeLot({ count: 16 });
  const large = new Uint8Array(8 * 1024 * 1024);
  for (let position = 0; position < 8; position += 1) {
    answer(lot, position, large);
    reporter.take();
  }
  expect(backlog).toEqual([true]);
  reporter.flushed(4);
  expect(backlog).toEqual([true]);
  reporter.flushed(5);
  expect(backlog).toEqual([true, false]);
});
