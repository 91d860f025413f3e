import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  decodeValues,
  EMPTY_FRAME,
  encodeFrame,
  encodeTaskContext,
  encodeValue,
  encodeValues,
  LIMITS,
  type TaskIndex,
  toId,
  type Zstd,
} from '@spider/core';
import { describe, expect, test } from 'vitest';
import type { TaskFailure, TaskResult } from './execute-task.ts';
import {
  definePackage,
  defineTask,
  float64,
  int32,
  list,
  optional,
  string,
  type TaskContext,
  TaskError,
  taskPackageEntry,
} from './index.ts';

const marked: Zstd = {
  compress: (plain) => plain,
  decompress: (compressed) => compressed.subarray(2),
};

function contextOf(taskIndex: TaskIndex, outputs?: Uint8Array): Uint8Array {
  return encodeTaskContext({
    jobId: toId(7),
    taskIndex,
    taskInstanceId: toId(2n ** 63n),
    resourceGroupId: toId(1),
    outputs,
  });
}

type Run = (context: TaskContext, ...inputs: unknown[]) => unknown;

/** Runs `run` in a package of its own, from bytes to bytes. */
function execute(
  options: { inputs?: Parameters<typeof defineTask>[0]['inputs']; outputs?: typeof options.inputs },
  run: Run,
  frame: Uint8Array = EMPTY_FRAME,
  context = contextOf(3),
): TaskResult | Promise<TaskResult> {
  const task = defineTask({
    name: 'task',
    inputs: options.inputs ?? [],
    outputs: options.outputs ?? [],
    run,
  });
  const entry = taskPackageEntry(definePackage({ name: 'p', version: '1', tasks: [task] }));
  return entry?.execute('task', context, frame, { zstd: marked }) ?? new Uint8Array(0);
}

const failureOf = (result: TaskResult | Promise<TaskResult>): TaskFailure =>
  result instanceof Uint8Array || result instanceof Promise
    ? expect.fail('expected a failure at once')
    : result;

describe('outputs', () => {
  test('one, none and several, without a promise where the task makes none', () => {
    const two = encodeValues([float64, float64], [1, 2], 'input');
    const inputs = [float64, float64];
    expect(
      execute({ inputs, outputs: [float64] }, (_, a, b) => Number(a) + Number(b), two),
    ).toEqual(encodeValues([float64], [3], 'output'));
    expect(execute({ inputs }, () => 'ignored', two)).toEqual(EMPTY_FRAME);
    expect(execute({ inputs, outputs: [float64, string] }, (_, a) => [a, 'x'], two)).toEqual(
      encodeValues([float64, string], [1, 'x'], 'output'),
    );
  });

  test('of a promise, or of anything like one', async () => {
    const expected = encodeValues([int32], [5], 'output');
    expect(await execute({ outputs: [int32] }, async () => 5)).toEqual(expected);
    // oxlint-disable-next-line unicorn/no-thenable
    const thenable = { then: (resolve: (value: number) => void) => resolve(5) };
    expect(await execute({ outputs: [int32] }, () => thenable)).toEqual(expected);
  });

  test('a single list is the output itself', () => {
    expect(execute({ outputs: [list(int32)] }, () => [1, 2])).toEqual(
      encodeValues([list(int32)], [[1, 2]], 'output'),
    );
    expect(execute({ outputs: [optional(int32)] }, () => undefined)).toEqual(
      encodeValues([optional(int32)], [undefined], 'output'),
    );
  });

  test('results stay as they are when other tasks run', () => {
    const first = execute({ outputs: [int32] }, () => 1);
    void execute({ outputs: [int32] }, () => 2);
    expect(first).toEqual(encodeValues([int32], [1], 'output'));
  });
});

describe('a task fails', () => {
  test('by what it throws, with the stack that led there', async () => {
    const boom: Run = () => {
      throw new RangeError('boom');
    };
    const failure = failureOf(execute({}, boom));
    expect(failure).toMatchObject({ error: { kind: 'ExecutionError' }, isFinal: false });
    expect(failure.error.message).toMatch(
      /^RangeError: boom\n\s+at .*execute-task\.test\.ts:\d+:\d+\)?\n\s+at /,
    );
    expect(await execute({}, async (context) => boom(context))).toMatchObject({
      error: { kind: 'ExecutionError', message: expect.stringContaining('boom') as string },
    });
    expect(failureOf(execute({}, () => throwValue('text'))).error.message).toBe('text');
    const hostile = { toString: () => throwValue(1) };
    expect(failureOf(execute({}, () => throwValue(hostile))).error.message).toBe(
      'an error that cannot be described',
    );
  });

  test('for good if it says so, whichever copy of the library the error is from', () => {
    const failWith = (error: unknown) => failureOf(execute({}, () => throwValue(error)));
    expect(failWith(new TaskError('no such user', { retry: false }))).toEqual({
      error: { kind: 'ExecutionError', message: 'no such user' },
      isFinal: true,
    });
    expect(failWith(new TaskError('busy', { cause: 'x' }))).toMatchObject({ isFinal: false });
    const foreign = Object.assign(new Error('foreign'), {
      [Symbol.for('spider.tdl.task-error')]: true,
      retry: false,
    });
    expect(failWith(foreign)).toMatchObject({ error: { message: 'foreign' }, isFinal: true });
  });

  test('with a message that is not endless', () => {
    const long = 'ä'.repeat(LIMITS.errorMessageBytes);
    const { message } = failureOf(execute({}, () => throwValue(new TaskError(long)))).error;
    expect(message.endsWith('ä…')).toBe(true);
    expect(new TextEncoder().encode(message).length).toBeLessThanOrEqual(LIMITS.errorMessageBytes);
  });

  test.each<[string, Uint8Array, string]>([
    ['too few', encodeFrame([]), 'expected 2 inputs, got 0'],
    [
      'too many',
      encodeValues([int32, int32, int32], [1, 2, 3], 'input'),
      'expected 2 inputs, got 3',
    ],
    [
      'of another type',
      encodeValues([int32, string], [1, 'a'], 'input'),
      'input 1: expected int32, got string',
    ],
    ['no frame', Uint8Array.of(1, 0), 'a wire frame has at least 4 bytes, this one has 2'],
  ])('before it runs, if its inputs are %s', (_name, frame, message) => {
    const never: Run = () => expect.fail('it ran');
    expect(execute({ inputs: [int32, int32] }, never, frame)).toEqual({
      error: { kind: 'DeserializationError', message },
      isFinal: true,
    });
  });

  test('before it runs, if its context is none', () => {
    const failure = failureOf(
      execute({}, () => expect.fail('it ran'), EMPTY_FRAME, Uint8Array.of(0xc0)),
    );
    expect(failure).toMatchObject({ error: { kind: 'InvalidTaskContext' }, isFinal: true });
  });

  test('if it returns what its outputs are not', async () => {
    const kind = 'SerializationError';
    expect(execute({ outputs: [int32] }, () => 'x')).toEqual({
      error: { kind, message: 'output 0: expected int32 (-2147483648…2147483647), got string' },
      isFinal: false,
    });
    expect(await execute({ outputs: [int32, int32] }, async () => [1])).toMatchObject({
      error: { kind, message: 'expected 2 outputs, got 1' },
    });
    expect(failureOf(execute({ outputs: [int32, int32] }, () => 1)).error.message).toContain(
      'expected an array of 2 outputs, got number',
    );
  });

  test('if the package has no such task', () => {
    const entry = taskPackageEntry(definePackage({ name: 'empty', version: '1', tasks: [] }));
    expect(entry?.execute('f', contextOf(0), EMPTY_FRAME, { zstd: marked })).toEqual({
      error: { kind: 'TaskNotFound', message: 'package empty has no task "f"' },
      isFinal: false,
    });
  });
});

describe('the context', () => {
  const seen = (context: Uint8Array, frame = EMPTY_FRAME): TaskContext => {
    let result: TaskContext | undefined;
    const outcome = execute({}, (given) => void (result = given), frame, context);
    expect(outcome).toEqual(EMPTY_FRAME);
    return result ?? expect.fail('it did not run');
  };

  test('of a regular task', () => {
    expect(seen(contextOf(3))).toMatchObject({
      role: 'regular',
      jobId: 7n,
      taskIndex: 3,
      taskInstanceId: 2n ** 63n,
      resourceGroupId: 1n,
    });
    expect(() => seen(contextOf(3)).outputs()).toThrow('a regular task has no job outputs');
  });

  test('of a cleanup task, which the reference gives no inputs at all', () => {
    const context = seen(contextOf(CLEANUP_TASK_INDEX), new Uint8Array(0));
    expect(context.role).toBe('cleanup');
    expect(() => context.outputs()).toThrow('a cleanup task has no job outputs');
  });

  test('of a commit task, with the outputs of the job, compressed or not', () => {
    const frame = encodeFrame([encodeValue(float64, 1.5), encodeValue(string, 'a')]);
    for (const packed of [Uint8Array.of(0, ...frame), Uint8Array.of(1, 9, 9, ...frame)]) {
      const context = seen(contextOf(COMMIT_TASK_INDEX, packed));
      expect(context.role).toBe('commit');
      const outputs = context.outputs();
      expect(outputs.map((output) => output.bytes.length)).toEqual([9, 2]);
      expect(outputs[0]?.as(float64)).toBe(1.5);
      expect(outputs[1]?.as(string)).toBe('a');
      expect(() => outputs[1]?.as(float64)).toThrow('expected float64, got string');
      expect(context.outputs()).toBe(outputs);
    }
  });

  test('of a commit task whose outputs are broken fails it where it reads them', () => {
    const broken = contextOf(COMMIT_TASK_INDEX, Uint8Array.of(0, 1));
    expect(
      execute({}, (context) => void context.outputs().length, EMPTY_FRAME, broken),
    ).toMatchObject({
      error: { kind: 'ExecutionError' },
    });
    expect(execute({}, () => undefined, EMPTY_FRAME, broken)).toEqual(EMPTY_FRAME);
  });
});

test('tasks may run one inside another', () => {
  const inner = (): TaskResult | Promise<TaskResult> => execute({ outputs: [int32] }, () => 1);
  const result = execute(
    { inputs: [int32], outputs: [int32] },
    (_, x) => {
      void inner();
      return x;
    },
    encodeValues([int32], [7], 'input'),
  );
  expect(decodeValues([int32], result as Uint8Array, 'output')).toEqual([7]);
});

function throwValue(value: unknown): never {
  throw value;
}
