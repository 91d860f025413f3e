import { expect, expectTypeOf, test } from 'vitest';
import { defineTask, float64, int64, string, TaskError } from './index.ts';
import { runCleanupTask, runCommitTask, runTask } from './testing.ts';

const divide = defineTask({
  name: 'math::divide',
  inputs: [int64, int64],
  outputs: [int64, int64],
  run: async (_context, a, b) => {
    if (b === 0n) throw new TaskError('division by zero', { retry: false });
    return [a / b, a % b] as const;
  },
});

test('a task is run with values and gives values back', async () => {
  const outputs = await runTask(divide, 7n, 2n);
  expectTypeOf(outputs).toEqualTypeOf<readonly [bigint, bigint]>();
  expect(outputs).toEqual([3n, 1n]);

  const greet = defineTask({
    name: 'greet',
    inputs: [string],
    outputs: [string],
    run: (_context, name) => `hello ${name}`,
  });
  expectTypeOf(await runTask(greet, 'you')).toEqualTypeOf<string>();
  expect(await runTask(greet, 'you')).toBe('hello you');
});

test('a task that fails throws what would become of its error', async () => {
  const failed = runTask(divide, 1n, 0n);
  await expect(failed).rejects.toThrow('task failed: division by zero');
  await expect(failed).rejects.toMatchObject({ retry: false });
});

test('values of the wrong type are refused', async () => {
  await expect(runTask(divide, 1n, 1 as unknown as bigint)).rejects.toThrow(
    'input 1: expected int64 as a bigint, got number 1',
  );
});

test('a commit task sees the outputs of the job', async () => {
  const isZero = defineTask({
    name: 'commit::is_zero',
    inputs: [],
    outputs: [],
    run: (context) => {
      const outputs = context.outputs();
      if (outputs.length === 0) throw new TaskError('there are no outputs');
      const sum = outputs.reduce((total, output) => total + output.as(float64), 0);
      if (sum !== 0) throw new TaskError(`the outputs sum to ${sum}`);
    },
  });
  await runCommitTask(isZero, [float64, float64], 1.5, -1.5);
  await expect(runCommitTask(isZero, [float64], 1)).rejects.toThrow('the outputs sum to 1');
  await expect(runCommitTask(isZero, [])).rejects.toThrow('there are no outputs');
  await expect(runCleanupTask(isZero)).rejects.toThrow('a cleanup task has no job outputs');
  await expect(runTask(isZero)).rejects.toThrow('a regular task has no job outputs');
});
