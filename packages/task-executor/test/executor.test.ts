import {
  appendCancelRequest,
  appendGiveBackRequest,
  ByteWriter,
  COMMIT_TASK_INDEX,
  decodeExecutorError,
  decodeValues,
  EMPTY_FRAME,
  encodeSerializedOutputs,
  encodeShutdownRequest,
  encodeValues,
  EXECUTOR_DESCRIPTORS_ENV,
  EXECUTOR_EXTENSIONS_ENV,
  EXECUTOR_MESSAGE_BYTES_ENV,
  ExecutorOutcome,
  LIMITS,
  toId,
} from '@spider/core';
import { nodeZstd } from '@spider/runtime/zstd';
import { float64, int32, string } from '@spider/tdl';
import { describe, expect, test } from 'vitest';
import { executeFrame, ExecutorChild, TASK_PACKAGES } from './executor-child.ts';

const numbers = (...values: readonly number[]): Uint8Array =>
  encodeValues(
    values.map(() => float64),
    values,
    'input',
  );
const result = (value: number): Uint8Array => encodeValues([float64], [value], 'output');

describe('an executor answers', () => {
  test('what it is asked, in the reference’s own bytes', async () => {
    await using executor = new ExecutorChild();
    const execute =
      '0000002b0000000001000000000000007001000000000000006601000000000000009504000000000000' +
      '0000000000';
    executor.write(Buffer.from(execute, 'hex'));
    const { outcome, payload } = await executor.result();
    expect(outcome).toBe(ExecutorOutcome.Failed);
    expect(decodeExecutorError(payload)).toEqual({
      kind: 'InvalidLibrary',
      message: `there is no folder p in ${TASK_PACKAGES}`,
    });
    executor.write(Buffer.from('0000000401000000', 'hex'));
    expect(await executor.exit).toBe(0);
  });

  test('with outputs and the time it took', async () => {
    await using executor = new ExecutorChild();
    executor.write(executeFrame({ functionName: 'add', inputs: numbers(1, 2) }));
    const { outcome, payload, elapsedUs } = await executor.result();
    expect(outcome).toBe(ExecutorOutcome.Succeeded);
    expect(payload).toEqual(result(3));
    expect(elapsedUs).toBeLessThan(5_000_000);
  });

  test('many requests in their order, quick and slow, wherever the stream is cut', async () => {
    await using executor = new ExecutorChild();
    const count = 2_000;
    const frames = Array.from({ length: count }, (_, i) =>
      executeFrame({
        functionName: i % 100 === 7 ? 'add_later' : 'add',
        inputs: numbers(i, 0.5),
      }),
    );
    const stream = Buffer.concat(frames);
    for (let start = 0; start < stream.length; start += 10_007) {
      executor.write(stream.subarray(start, start + 10_007));
    }
    for (let i = 0; i < count; i++) {
      const { payload } = await executor.result();
      expect(decodeValues([float64], payload, 'output')).toEqual([i + 0.5]);
    }
  });

  test('a commit task, which sees the outputs of its job, compressed or not', async () => {
    await using executor = new ExecutorChild();
    const commit = (outputs: Uint8Array) =>
      executor.call({
        functionName: 'commit::sum_is_zero',
        context: { taskIndex: COMMIT_TASK_INDEX, outputs },
      });
    const few = encodeSerializedOutputs(numbers(1, -1), nodeZstd);
    const many = encodeSerializedOutputs(
      numbers(...Array.from({ length: 200 }, () => 1)),
      nodeZstd,
    );
    expect([few[0], many[0]]).toEqual([0, 1]);
    expect(await commit(few)).toEqual(EMPTY_FRAME);
    expect(await commit(many)).toEqual({
      kind: 'TaskError',
      error: { kind: 'ExecutionError', message: 'the outputs sum to 200' },
    });
  });
});

describe('a task may fail', () => {
  test('with a message, and the executor goes on', async () => {
    await using executor = new ExecutorChild();
    const inputs = encodeValues([string], ['boom'], 'input');
    expect(await executor.call({ functionName: 'fail', inputs })).toEqual({
      kind: 'TaskError',
      error: { kind: 'ExecutionError', message: 'boom' },
    });
    expect(await executor.call({ functionName: 'unknown' })).toEqual({
      kind: 'TaskError',
      error: { kind: 'TaskNotFound', message: 'package basic has no task "unknown"' },
    });
    expect(await executor.call({ functionName: 'add', inputs: numbers(1) })).toEqual({
      kind: 'TaskError',
      error: { kind: 'DeserializationError', message: 'expected 2 inputs, got 1' },
    });
    expect(await executor.call({ functionName: 'add', inputs: numbers(1, 2) })).toEqual(result(3));
  });

  test('for good, which is said only to those who understand it', async () => {
    const outcomes: ExecutorOutcome[] = [];
    for (const extensions of ['', '1']) {
      await using executor = new ExecutorChild({
        SPIDER_TDL_PACKAGE_DIR: TASK_PACKAGES,
        [EXECUTOR_EXTENSIONS_ENV]: extensions,
      });
      executor.write(executeFrame({ functionName: 'fail_for_good' }));
      const { outcome, payload } = await executor.result();
      outcomes.push(outcome);
      expect(decodeExecutorError(payload)).toMatchObject({ error: { message: 'pointless' } });
    }
    expect(outcomes).toEqual([ExecutorOutcome.Failed, ExecutorOutcome.FailedForGood]);
  });

  test('by outputs that are larger than the pipe takes', async () => {
    await using executor = new ExecutorChild();
    const zeros = (count: number) =>
      executor.call({ functionName: 'zeros', inputs: encodeValues([int32], [count], 'input') });
    const most = LIMITS.executorFrameBytes - 24 - 8 - 5;
    expect(await zeros(most)).toHaveLength(most + 13);
    expect(await zeros(most + 1)).toEqual({
      kind: 'TaskError',
      error: {
        kind: 'SerializationError',
        message: expect.stringContaining('more than the 8388608 that one message') as string,
      },
    });
  });

  test('by no larger outputs than its execution manager takes, if that says how many bytes', async () => {
    await using executor = new ExecutorChild({
      SPIDER_TDL_PACKAGE_DIR: TASK_PACKAGES,
      [EXECUTOR_MESSAGE_BYTES_ENV]: '1000',
    });
    const zeros = (count: number) =>
      executor.call({ functionName: 'zeros', inputs: encodeValues([int32], [count], 'input') });
    expect(await zeros(900)).toBeInstanceOf(Uint8Array);
    expect(await zeros(1000)).toMatchObject({
      error: { message: expect.stringContaining('more than the 1000 that one message') as string },
    });
  });

  test('by ending the process; what ran before is answered', async () => {
    await using executor = new ExecutorChild();
    await executor.call({ functionName: 'add', inputs: numbers(0, 0) });
    executor.write(
      executeFrame({ functionName: 'add', inputs: numbers(1, 1) }),
      executeFrame({ functionName: 'add', inputs: numbers(2, 2) }),
      executeFrame({ functionName: 'exit', inputs: encodeValues([int32], [3], 'input') }),
      executeFrame({ functionName: 'add', inputs: numbers(3, 3) }),
    );
    expect((await executor.result()).payload).toEqual(result(2));
    expect((await executor.result()).payload).toEqual(result(4));
    expect(await executor.exit).toBe(3);
    await expect(executor.result()).rejects.toThrow('the executor is gone');
  });
});

test('what tasks print goes to stderr', async () => {
  await using executor = new ExecutorChild();
  const inputs = encodeValues([string], ['hello'], 'input');
  expect(await executor.call({ functionName: 'print', inputs })).toEqual(EMPTY_FRAME);
  executor.end();
  expect(await executor.exit).toBe(0);
  expect(executor.stderr).toContain('hello by console\nhello by stdout\n');
});

test('Ctrl-C is left to the execution manager', async () => {
  await using executor = new ExecutorChild();
  await executor.call({ functionName: 'add', inputs: numbers(0, 0) });
  executor.kill('SIGINT');
  expect(await executor.call({ functionName: 'add', inputs: numbers(1, 2) })).toEqual(result(3));
});

describe('an executor ends', () => {
  const add = executeFrame({ functionName: 'add', inputs: numbers(1, 2) });
  const addLater = executeFrame({ functionName: 'add_later', inputs: numbers(1, 2) });

  test('at the end of its input, when it has answered', async () => {
    await using executor = new ExecutorChild();
    executor.write(add, addLater);
    executor.end();
    expect((await executor.result()).payload).toEqual(result(3));
    expect((await executor.result()).payload).toEqual(result(3));
    expect(await executor.exit).toBe(0);
  });

  test('at a request to, behind a task that takes its time', async () => {
    await using executor = new ExecutorChild();
    executor.write(addLater, encodeShutdownRequest(), add);
    expect((await executor.result()).payload).toEqual(result(3));
    expect(await executor.exit).toBe(0);
  });

  test('when its execution manager is lost, whatever is running', async () => {
    await using executor = new ExecutorChild();
    executor.write(executeFrame({ functionName: 'hang' }));
    executor.end();
    expect(await executor.exit).toBe(0);
  });

  test.each([
    ['is no request', '0000000409000000', 'unknown executor request 9'],
    ['is too long', 'ffffffff', 'announces 4294967295 bytes, more than the 8388608 allowed'],
    ['ends inside a request', '0000002b0000', 'stdin ended inside a request'],
  ])('with 1 if its input %s', async (_name, hex, message) => {
    await using executor = new ExecutorChild();
    executor.write(add, Buffer.from(hex, 'hex'));
    executor.end();
    expect((await executor.result()).payload).toEqual(result(3));
    expect(await executor.exit).toBe(1);
    expect(executor.stderr).toContain(`spider-task-executor: `);
    expect(executor.stderr).toContain(message);
  });

  test('with 1 if it is not told where task packages are', async () => {
    await using executor = new ExecutorChild({});
    expect(await executor.exit).toBe(1);
    expect(executor.stderr).toBe(
      'spider-task-executor: SPIDER_TDL_PACKAGE_DIR is not set: where are the task packages?\n',
    );
  });
});

describe('with extensions', () => {
  const env = { SPIDER_TDL_PACKAGE_DIR: TASK_PACKAGES, SPIDER_EXECUTOR_EXTENSIONS: '1' };

  test('a task is told that it is cancelled, and what waits behind it is given back', async () => {
    await using executor = new ExecutorChild(env);
    await executor.call({ functionName: 'add', inputs: numbers(1, 2) });
    const waiting = executeFrame({ functionName: 'wait_for_stop', context: { jobId: toId(77) } });
    executor.write(waiting, executeFrame({ functionName: 'fail_for_good' }));
    const writer = new ByteWriter();
    appendGiveBackRequest(writer);
    appendCancelRequest(writer, 1);
    executor.write(writer.toBytes());
    const { payload } = await executor.result();
    expect(decodeValues([string], payload, 'output')).toEqual([
      'TaskError: the task was cancelled',
    ]);
    expect(executor.notices).toEqual([{ kind: 'greeting' }, { kind: 'given-back', count: 1 }]);
    executor.end();
    await executor.exit;
    expect(JSON.parse(executor.stderr)).toMatchObject({
      level: 'info',
      msg: 'waiting',
      jobId: '77',
      taskIndex: 0,
      taskInstanceId: '1',
      patience: '1',
    });
  });
});

test('what a task starts may print to stdout where the pipe is elsewhere', async () => {
  await using executor = new ExecutorChild({
    SPIDER_TDL_PACKAGE_DIR: TASK_PACKAGES,
    PATH: process.env['PATH'] ?? '',
    [EXECUTOR_DESCRIPTORS_ENV]: '3,4',
  });
  const inputs = encodeValues([string], ['loud'], 'input');
  expect(await executor.call({ functionName: 'shout', inputs })).toEqual(EMPTY_FRAME);
  expect(await executor.call({ functionName: 'add', inputs: numbers(1, 2) })).toEqual(result(3));
  executor.end();
  expect(await executor.exit).toBe(0);
  expect(executor.stderr).toBe('loud\n');
});
