import {
  bytes,
  DEFAULT_EXECUTION_POLICY,
  float64,
  int64,
  list,
  shared,
  struct,
} from '@spider/core';
import { expect, expectTypeOf, it } from 'vitest';
import { defineJob } from './define-job.ts';
import { externalTask } from './external-task.ts';

const point = struct('Point', { x: float64, y: float64 });

const measure = externalTask({
  packageName: 'geometry',
  functionName: 'geometry::measure',
  inputs: [list(point), shared(bytes)],
  outputs: [float64, int64],
});

it('goes into graphs like a task whose code is here', () => {
  const job = defineJob([list(point), shared(bytes)], (graph, points, map) => {
    const measured = graph.task(measure, points, map);
    return [measured.out(1)];
  });
  expect(job.graph.kinds).toEqual([
    {
      packageName: 'geometry',
      functionName: 'geometry::measure',
      inputs: [
        { shared: false, value: { type: 'list', element: { type: 'struct', name: 'Point' } } },
        { shared: true, value: { type: 'bytes' } },
      ],
      outputs: [
        { shared: false, value: { type: 'float64' } },
        { shared: false, value: { type: 'int64' } },
      ],
      policy: DEFAULT_EXECUTION_POLICY,
    },
  ]);
  expectTypeOf(job.decodeOutputs).returns.toEqualTypeOf<readonly [bigint]>();
});

it('has the policy that it is given', () => {
  const policy = { retries: 3, softTimeoutMs: 1_000 };
  const task = externalTask({
    packageName: 'p',
    functionName: 'f',
    inputs: [],
    outputs: [],
    policy,
  });
  expect(task.policy).toEqual({
    maxRetries: 3,
    maxInstances: 1,
    softTimeoutMs: 1_000,
    hardTimeoutMs: 300_000,
  });
});

it('is refused by the graph if its names are too long, and with a policy that cannot be', () => {
  const functionName = 'f'.repeat(300);
  const task = externalTask({ packageName: 'p', functionName, inputs: [], outputs: [] });
  expect(() => defineJob([], (graph) => void graph.task(task))).toThrow(
    'its function name has 300 bytes, more than 256',
  );
  expect(() =>
    externalTask({
      packageName: 'p',
      functionName: 'f',
      inputs: [],
      outputs: [],
      policy: { retries: 0.5 },
    }),
  ).toThrow('maxRetries is 0.5');
});
