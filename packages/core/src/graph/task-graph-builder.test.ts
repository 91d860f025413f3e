import { describe, expect, test } from 'vitest';
import { LIMITS } from '../limits.ts';
import type { TypeDescriptor } from '../value/type-descriptor.ts';
import { TaskGraphBuilder } from './task-graph-builder.ts';
import type { TaskSource, TaskSpec } from './task-spec.ts';
import {
  DEFAULT_EXECUTION_POLICY,
  SOURCE_CONSTANT,
  SOURCE_JOB_INPUT,
  type ExecutionPolicy,
  type TaskKind,
} from './task-graph.ts';

const float64: TypeDescriptor = { shared: false, value: { type: 'float64' } };
const sharedFloat64: TypeDescriptor = { shared: true, value: { type: 'float64' } };
const bytes: TypeDescriptor = { shared: false, value: { type: 'bytes' } };

function kind(
  inputs: TypeDescriptor[],
  outputs: TypeDescriptor[],
  policy: Partial<ExecutionPolicy> = {},
): TaskKind {
  return {
    packageName: 'math',
    functionName: 'math::calculate',
    inputs,
    outputs,
    policy: { ...DEFAULT_EXECUTION_POLICY, ...policy },
  };
}

const output = (task: number, position = 0): TaskSource => ({ from: 'task', task, position });
const jobInput = (input: number): TaskSource => ({ from: 'job-input', input });
const constant = (number: number): TaskSource => ({ from: 'constant', constant: number });

const unary = kind([float64], [float64]);
const binary = kind([float64, float64], [float64]);
const splitter = kind([float64], [float64, bytes]);

describe('a diamond of five tasks', () => {
  // 0 → 1, 2 → 3, and 4 on its own.
  const builder = new TaskGraphBuilder();
  builder.addJobInput(float64);
  builder.addJobInput(float64);
  builder.addTask({ kind: splitter, sources: [jobInput(0)] });
  builder.addTask({ kind: unary, sources: [output(0)] });
  builder.addTask({ kind: unary, sources: [output(0)] });
  builder.addTask({ kind: binary, sources: [output(1), output(2)] });
  builder.addTask({ kind: splitter, sources: [jobInput(1)] });
  const graph = builder.build();

  test('is kept in columns', () => {
    expect(graph.taskCount).toBe(5);
    expect(graph.kinds).toEqual([splitter, unary, binary]);
    expect([...graph.taskKind]).toEqual([0, 1, 1, 2, 0]);
    expect([...graph.inputOffset]).toEqual([0, 1, 2, 3, 5, 6]);
    expect([...graph.sourceTask]).toEqual([SOURCE_JOB_INPUT, 0, 0, 1, 2, SOURCE_JOB_INPUT]);
    expect([...graph.sourceSlot]).toEqual([0, 0, 0, 0, 0, 1]);
    expect([...graph.outputOffset]).toEqual([0, 2, 3, 4, 5, 7]);
    expect(graph.jobInputs).toEqual([float64, float64]);
  });

  test('knows the parents and children of each task', () => {
    expect([...graph.parentCount]).toEqual([0, 1, 1, 2, 0]);
    expect([...graph.childOffset]).toEqual([0, 2, 3, 4, 4, 4]);
    expect([...graph.child]).toEqual([1, 2, 3, 3]);
  });

  test('has as outputs those of the tasks that give no input to another', () => {
    expect([...graph.jobOutputSlots]).toEqual([4, 5, 6]);
  });
});

describe('edges', () => {
  test('count once between the same two tasks, whatever their number and kind', () => {
    const builder = new TaskGraphBuilder();
    builder.addJobInput(float64);
    builder.addTask({ kind: unary, sources: [jobInput(0)] });
    builder.addTask({ kind: binary, sources: [output(0), output(0)], after: [0, 0] });
    const graph = builder.build();
    expect([...graph.parentCount]).toEqual([0, 1]);
    expect([...graph.child]).toEqual([1]);
  });

  test('of order alone leave the job outputs as they are', () => {
    const builder = new TaskGraphBuilder();
    builder.addConstant(Uint8Array.of(1));
    builder.addTask({ kind: unary, sources: [constant(0)] });
    builder.addTask({ kind: kind([], []), sources: [], after: [0] });
    const graph = builder.build();
    expect([...graph.sourceTask]).toEqual([SOURCE_CONSTANT]);
    expect([...graph.orderOffset]).toEqual([0, 0, 1]);
    expect([...graph.orderTask]).toEqual([0]);
    expect([...graph.parentCount]).toEqual([0, 1]);
    expect([...graph.jobOutputSlots]).toEqual([0]);
  });
});

describe('an ordering edge between tasks that are there', () => {
  function builder(): TaskGraphBuilder {
    const builder = new TaskGraphBuilder();
    for (let task = 0; task < 4; task++) builder.addTask({ kind: kind([], []), sources: [] });
    return builder;
  }

  test('can come at any time', () => {
    const late = builder();
    late.addOrderEdge(2, 3);
    late.addOrderEdge(0, 1);
    late.addOrderEdge(0, 3);
    late.addTask({ kind: kind([], []), sources: [], after: [3] });
    const graph = late.build();
    expect([...graph.orderOffset]).toEqual([0, 0, 1, 1, 3, 4]);
    expect([...graph.orderTask]).toEqual([0, 2, 0, 3]);
    expect([...graph.parentCount]).toEqual([0, 1, 0, 2, 1]);
    expect([...graph.childOffset]).toEqual([0, 2, 2, 3, 4, 4]);
    expect([...graph.child]).toEqual([1, 3, 3, 4]);
  });

  test('leads from an earlier one to a later one', () => {
    expect(() => builder().addOrderEdge(2, 2)).toThrow('task 2: it is to run after task 2');
    expect(() => builder().addOrderEdge(3, 2)).toThrow('task 2: it is to run after task 3');
    expect(() => builder().addOrderEdge(0, 4)).toThrow('task 4 is to run after another');
  });
});

describe('a task is refused, with its index, when', () => {
  function refuse(spec: Partial<TaskSpec>): string {
    const builder = new TaskGraphBuilder();
    builder.addJobInput(float64);
    builder.addTask({ kind: splitter, sources: [jobInput(0)] });
    builder.addTask({ kind: unary, sources: [output(0)] });
    const before = builder.build();
    let message = '';
    try {
      builder.addTask({ kind: unary, sources: [output(0)], ...spec });
    } catch (error) {
      message = (error as Error).message;
    }
    const { kinds, ...columns } = builder.build();
    expect(columns, 'nothing has changed').toEqual({ ...before, kinds: undefined });
    expect(kinds.slice(0, 2)).toEqual(before.kinds);
    return message;
  }

  test.each([
    [{ maxInstances: 0 }, 'execution policy: maxInstances is 0'],
    [{ maxRetries: -1 }, 'execution policy: maxRetries is -1'],
    [{ maxRetries: 0.5 }, 'execution policy: maxRetries is 0.5'],
    [{ softTimeoutMs: 99 }, 'timeout policy: softTimeoutMs is 99'],
    [{ softTimeoutMs: 86_400_001 }, 'timeout policy: softTimeoutMs is 86400001'],
    [{ hardTimeoutMs: 99 }, 'timeout policy: hardTimeoutMs is 99'],
    [{ hardTimeoutMs: 86_400_001 }, 'timeout policy: hardTimeoutMs is 86400001'],
    [{ softTimeoutMs: 100, hardTimeoutMs: 100 }, 'greater than softTimeoutMs, which is 100'],
  ])('its policy has %o', (policy, message) => {
    const refusal = refuse({ kind: kind([float64], [float64], policy) });
    expect(refusal).toMatch(/^task 2: invalid /);
    expect(refusal).toContain(message);
  });

  test('its policy breaks several rules, and the first one is told', () => {
    const wrong = { maxInstances: 0, softTimeoutMs: 1, hardTimeoutMs: 1 };
    const message = refuse({ kind: kind([float64], [], wrong), sources: [] });
    expect(message).toContain('maxInstances');
  });

  test('it has more or fewer sources than inputs', () => {
    expect(refuse({ sources: [] })).toBe('task 2: it has 1 inputs, but 0 sources');
    expect(refuse({ kind: kind([], []), sources: [output(0)] })).toBe(
      'task 2: it has 0 inputs, but 1 sources',
    );
  });

  test.each([2, 3, -1, 0.5, Number.NaN])('an input comes from task %d', (task) => {
    const message = `task 2: input 0 comes from task ${task}, which is not an earlier task`;
    expect(refuse({ sources: [output(task)] })).toBe(message);
  });

  test.each([2, -1, 0.5])('an input comes from an output numbered %d', (position) => {
    expect(refuse({ sources: [output(0, position)] })).toBe(
      `task 2: input 0 comes from output ${position} of task 0, which has 2 outputs`,
    );
  });

  test('an input is of another type than its source', () => {
    expect(refuse({ sources: [output(0, 1)] })).toBe(
      'task 2: input 0 is of type float64, but output 1 of task 0 is of type bytes',
    );
    expect(refuse({ kind: kind([sharedFloat64], []), sources: [jobInput(0)] })).toBe(
      'task 2: input 0 is of type shared float64, but job input 0 is of type float64',
    );
  });

  test('an input comes from a job input or constant that does not exist', () => {
    expect(refuse({ sources: [jobInput(1)] })).toContain('job input 1, which does not exist');
    expect(refuse({ sources: [constant(0)] })).toContain('constant 0, which does not exist');
  });

  test.each([2, 7, -1])('it is to run after task %d', (task) => {
    expect(refuse({ after: [task] })).toBe(
      `task 2: it is to run after task ${task}, which is not an earlier task`,
    );
  });

  test('a type of its is no type', () => {
    const nameless: TypeDescriptor = { shared: false, value: { type: 'struct', name: '' } };
    expect(refuse({ kind: kind([], [float64, nameless]), sources: [] })).toBe(
      'task 2: output 1: a struct type has an empty name',
    );
  });

  test('its names are too long', () => {
    const long = { ...unary, functionName: 'é'.repeat(LIMITS.nameBytes / 2 + 1) };
    expect(refuse({ kind: long })).toBe('task 2: its function name has 258 bytes, more than 256');
  });
});

describe('job outputs', () => {
  function builder(): TaskGraphBuilder {
    const builder = new TaskGraphBuilder();
    builder.addJobInput(float64);
    builder.addTask({ kind: splitter, sources: [jobInput(0)] });
    builder.addTask({ kind: unary, sources: [output(0)] });
    return builder;
  }

  test('can be chosen, in any order and also among those that are used', () => {
    const chosen = builder();
    chosen.setJobOutputs([
      { task: 1, position: 0 },
      { task: 0, position: 0 },
    ]);
    expect([...chosen.build().jobOutputSlots]).toEqual([2, 0]);
  });

  test('must exist', () => {
    expect(() => builder().setJobOutputs([{ task: 2, position: 0 }])).toThrow(
      'job output 0: output 0 of task 2 does not exist',
    );
    expect(() => builder().setJobOutputs([{ task: 1, position: 1 }])).toThrow(
      'job output 0: output 1 of task 1 does not exist',
    );
  });

  test('must be distinct', () => {
    const twice = { task: 0, position: 1 };
    expect(() => builder().setJobOutputs([twice, twice])).toThrow(
      'job output 1: output slot 1 is there twice',
    );
  });
});

test('termination tasks obey the same rules for policies', () => {
  const builder = new TaskGraphBuilder();
  const { packageName, functionName } = unary;
  const policy = { ...DEFAULT_EXECUTION_POLICY, maxInstances: 0 };
  const task = { packageName, functionName, policy };
  expect(() => builder.setCommitTask(task)).toThrow('commit task: invalid execution policy');
  const timeouts = { ...DEFAULT_EXECUTION_POLICY, softTimeoutMs: 1 };
  expect(() => builder.setCleanupTask({ ...task, policy: timeouts })).toThrow(
    'cleanup task: invalid timeout policy',
  );
});

test('equal kinds are kept once', () => {
  const builder = new TaskGraphBuilder();
  expect(builder.addKind(kind([float64], [bytes]))).toBe(0);
  expect(builder.addKind(kind([float64], [bytes]))).toBe(0);
  expect(builder.addKind(kind([float64], [bytes], { maxRetries: 1 }))).toBe(1);
  expect(builder.addKind(kind([float64, bytes], []))).toBe(2);
});

test('a graph that was built stays as it is when its builder goes on', () => {
  const builder = new TaskGraphBuilder();
  builder.addTask({ kind: kind([], [float64]), sources: [] });
  const graph = builder.build();
  builder.addConstant(Uint8Array.of(1));
  builder.addTask({ kind: unary, sources: [output(0)] });
  expect(graph.taskCount).toBe(1);
  expect(graph.kinds).toHaveLength(1);
  expect(graph.constants).toHaveLength(0);
  expect([...graph.jobOutputSlots]).toEqual([0]);
});
