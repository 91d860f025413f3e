import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  decodeExecutorRequest,
  decodeTaskContext,
  ExecutorFrameReader,
  type ExecutorRequest,
  LIMITS,
} from '@spider/core';
import { describe, expect, test } from 'vitest';
import type { InstanceLot } from '../machine/instance-lot.ts';
import { makeLot } from '../testing/make-lot.ts';
import { ExecuteEncoder, requestLength } from './execute-frames.ts';

type Execute = Extract<ExecutorRequest, { readonly kind: 'execute' }>;

function encodeAndRead(...instances: readonly (readonly [InstanceLot, number])[]): Execute[] {
  return encodeAs(false, instances);
}

function encodeAs(
  isExtended: boolean,
  instances: readonly (readonly [InstanceLot, number])[],
): Execute[] {
  const lots = instances.map(([lot]) => lot);
  const positions = instances.map(([, position]) => position);
  const bytes = new ExecuteEncoder().encode({ lots, positions }, isExtended);
  const frames = new ExecutorFrameReader();
  frames.push(bytes);
  const requests: Execute[] = [];
  while (frames.next()) {
    const request = decodeExecutorRequest(frames.bytes, frames.start, frames.end);
    if (request.kind === 'execute') requests.push(request);
  }
  expect(frames.isAtBoundary).toBe(true);
  return requests;
}

const frame = (...bytes: number[]): Uint8Array =>
  Uint8Array.from([1, 0, 0, 0, bytes.length, 0, 0, 0, ...bytes]);

describe('a request', () => {
  test('says how long its task may take to executors that understand', () => {
    const lot = makeLot({ hardTimeoutMs: 7_000 });
    expect(encodeAs(true, [[lot, 0]])).toMatchObject([{ hardTimeoutMs: 7_000 }]);
    expect(encodeAs(false, [[lot, 0]])).toMatchObject([{ hardTimeoutMs: undefined }]);
  });

  test('names its function, carries its own inputs, and says what it is', () => {
    const lot = makeLot({
      jobId: 300n,
      instanceBase: 5_000_000_000n,
      packageName: 'nn',
      functionName: 'neuron::relu',
      inputs: [frame(1), frame(2, 3)],
    });
    const requests = encodeAndRead([lot, 0], [lot, 1]);
    expect(requests.map(({ packageName, functionName }) => [packageName, functionName])).toEqual([
      ['nn', 'neuron::relu'],
      ['nn', 'neuron::relu'],
    ]);
    expect(requests.map(({ inputs }) => Uint8Array.from(inputs))).toEqual([frame(1), frame(2, 3)]);
    expect(requests.map(({ context }) => decodeTaskContext(context))).toMatchObject([
      { jobId: 300n, taskIndex: 0, taskInstanceId: 5_000_000_000n, resourceGroupId: 1n },
      { jobId: 300n, taskIndex: 1, taskInstanceId: 5_000_000_001n, resourceGroupId: 1n },
    ]);
  });

  test('of one lot beside those of another is not taken for it', () => {
    const first = makeLot({ jobId: 1n, count: 2 });
    const second = makeLot({ jobId: 2n, count: 1, functionName: 'g' });
    const requests = encodeAndRead([first, 0], [second, 0], [first, 1]);
    expect(
      requests.map(({ functionName, context }) => [functionName, decodeTaskContext(context).jobId]),
    ).toEqual([
      ['f', 1n],
      ['g', 2n],
      ['f', 1n],
    ]);
  });

  test('has the right instance id up to the last that there is', () => {
    const lot = makeLot({ instanceBase: 2n ** 64n - 2n, count: 2 });
    const ids = encodeAndRead([lot, 0], [lot, 1]).map(
      ({ context }) => decodeTaskContext(context).taskInstanceId,
    );
    expect(ids).toEqual([2n ** 64n - 2n, 2n ** 64n - 1n]);
  });

  test('of a commit task has the outputs of its job in its context, and no inputs', () => {
    const outputs = Uint8Array.from([0, 1, 0, 0, 0, 2, 0, 0, 0, 0xcc, 0xc8]);
    const lot = { ...makeLot({ inputs: [outputs] }), taskIndexes: [COMMIT_TASK_INDEX] };
    const [request] = encodeAndRead([lot, 0]);
    expect(request?.inputs).toEqual(new Uint8Array(4));
    expect(decodeTaskContext(request?.context ?? new Uint8Array())).toMatchObject({
      taskIndex: COMMIT_TASK_INDEX,
      outputs,
    });
  });

  test('of a cleanup task has the empty frame as inputs, whatever storage sent', () => {
    const lot = {
      ...makeLot({ inputs: [new Uint8Array(0)] }),
      taskIndexes: [CLEANUP_TASK_INDEX],
    };
    const [request] = encodeAndRead([lot, 0]);
    expect(request?.inputs).toEqual(new Uint8Array(4));
    expect(decodeTaskContext(request?.context ?? new Uint8Array())).toMatchObject({
      taskIndex: CLEANUP_TASK_INDEX,
      outputs: undefined,
    });
  });
});

describe('the length of a request', () => {
  const largest = LIMITS.executorFrameBytes - 16 - 30 - 64;

  test('is not computed where it certainly fits', () => {
    expect(
      requestLength(makeLot({ inputs: [new Uint8Array(largest)] }), 0, LIMITS.executorFrameBytes),
    ).toBe(0);
  });

  test('is at least that of its inputs beyond', () => {
    const lot = makeLot({ inputs: [new Uint8Array(LIMITS.executorFrameBytes)] });
    expect(requestLength(lot, 0, LIMITS.executorFrameBytes)).toBeGreaterThan(
      LIMITS.executorFrameBytes,
    );
  });

  test('of a commit task counts two bytes for each large byte of its outputs', () => {
    const commitOf = (byte: number): InstanceLot => ({
      ...makeLot({ inputs: [new Uint8Array(5 * 1024 * 1024).fill(byte)] }),
      taskIndexes: [COMMIT_TASK_INDEX],
    });
    expect(requestLength(commitOf(1), 0, LIMITS.executorFrameBytes)).toBeLessThan(
      LIMITS.executorFrameBytes,
    );
    expect(requestLength(commitOf(200), 0, LIMITS.executorFrameBytes)).toBeGreaterThan(
      LIMITS.executorFrameBytes,
    );
  });
});
