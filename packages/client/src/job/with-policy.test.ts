import { DEFAULT_EXECUTION_POLICY, float64, type TaskSignature } from '@spider/core';
import { expect, expectTypeOf, it } from 'vitest';
import { defineJob } from './define-job.ts';
import { externalTask } from './external-task.ts';
import { withPolicy } from './with-policy.ts';

const square = externalTask({
  packageName: 'math',
  functionName: 'square',
  inputs: [float64],
  outputs: [float64],
  policy: { retries: 1, hardTimeoutMs: 60_000 },
});

const cleanUp = externalTask({
  packageName: 'math',
  functionName: 'clean_up',
  inputs: [],
  outputs: [],
});

it('lets one task of a graph run under another policy than its like', () => {
  const patient = withPolicy(square, { retries: 9 });
  expectTypeOf(patient).toEqualTypeOf<
    TaskSignature<readonly [typeof float64], readonly [typeof float64]>
  >();
  const { graph } = defineJob([float64], (graph, x) => {
    const first = graph.task(square, x);
    const second = graph.task(patient, first);
    const third = graph.task(patient, second);
    return [graph.task(square, third)];
  });
  expect([...graph.taskKind]).toEqual([0, 1, 1, 0]);
  expect(graph.kinds.map(({ functionName }) => functionName)).toEqual(['square', 'square']);
  expect(graph.kinds.map(({ policy }) => policy)).toEqual([
    { maxRetries: 1, maxInstances: 1, softTimeoutMs: 30_000, hardTimeoutMs: 60_000 },
    { maxRetries: 9, maxInstances: 1, softTimeoutMs: 30_000, hardTimeoutMs: 60_000 },
  ]);
});

it('gives commit and cleanup tasks a policy too', () => {
  const { graph } = defineJob([], (graph) => {
    graph.commitTask(withPolicy(cleanUp, { retries: 2 }));
    graph.cleanupTask(cleanUp);
  });
  expect(graph.commitTask?.policy).toEqual({ ...DEFAULT_EXECUTION_POLICY, maxRetries: 2 });
  expect(graph.cleanupTask?.policy).toEqual(DEFAULT_EXECUTION_POLICY);
});

it('can be told of a task before its package is known', () => {
  const known: string[] = [];
  const task: TaskSignature = {
    get packageName() {
      const [name] = known;
      if (name === undefined) throw new Error('not yet');
      return name;
    },
    functionName: 'late',
    inputs: [],
    outputs: [],
    policy: DEFAULT_EXECUTION_POLICY,
  };
  const late = withPolicy(task, { retries: 1 });
  expect(() => late.packageName).toThrow('not yet');
  known.push('math');
  expect(late).toMatchObject({ packageName: 'math', functionName: 'late' });
});

it('refuses a policy that cannot be', () => {
  expect(() => withPolicy(square, { instances: 0 })).toThrow('maxInstances is 0');
  expect(() => withPolicy(square, { softTimeoutMs: 10_000, hardTimeoutMs: 9_000 })).toThrow(
    'hardTimeoutMs is 9000, but must be greater than softTimeoutMs, which is 10000',
  );
});
