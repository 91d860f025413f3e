import {
  DEFAULT_EXECUTION_POLICY,
  encodeValues,
  float64,
  formatType,
  int32,
  list,
  optional,
  shared,
  SOURCE_CONSTANT,
  SOURCE_JOB_INPUT,
  string,
  struct,
  type TaskSignature,
  type Type,
  type Types,
} from '@spider/core';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { defineJob } from './define-job.ts';
import type { JobGraph } from './job-graph.ts';
import type { Task, Value } from './value.ts';

function signature<const I extends Types, const O extends Types>(
  functionName: string,
  inputs: I,
  outputs: O,
): TaskSignature<I, O> {
  const policy = DEFAULT_EXECUTION_POLICY;
  return { packageName: 'example', functionName, inputs, outputs, policy };
}

const point = struct('Point', { x: float64, y: float64 });

const add = signature('add', [float64, float64], [float64]);
const multiply = signature('multiply', [float64, float64], [float64]);
const divide = signature('divide', [int32, int32], [int32, int32]);
const shout = signature('shout', [string], [string]);
const norm = signature('norm', [point, optional(float64)], [float64]);
const total = signature('total', [list(float64)], [float64]);
const notify = signature('notify', [], []);
const fetch = signature('fetch', [string], [shared(string)]);

describe('a job', () => {
  const job = defineJob([float64, float64], (graph, x, y) => {
    const other = graph.task(notify);
    const sum = graph.task(add, x, y);
    const square = graph.task(multiply, sum, sum).after(other);
    return [square];
  });

  it('has the graph that its author put together', () => {
    const { graph } = job;
    expect(graph.kinds.map((kind) => kind.functionName)).toEqual(['notify', 'add', 'multiply']);
    expect([...graph.sourceTask]).toEqual([SOURCE_JOB_INPUT, SOURCE_JOB_INPUT, 1, 1]);
    expect([...graph.sourceSlot]).toEqual([0, 1, 0, 0]);
    expect([...graph.orderTask]).toEqual([0]);
    expect([...graph.orderOffset]).toEqual([0, 0, 0, 1]);
    expect(graph.jobInputs.map(formatType)).toEqual(['float64', 'float64']);
    expect([...graph.jobOutputSlots]).toEqual([1]);
  });

  it('encodes its inputs and decodes its outputs', () => {
    expect(job.encodeInputs([1, 2])).toEqual(encodeValues([float64, float64], [1, 2], 'job input'));
    const [square] = job.decodeOutputs(encodeValues([float64], [9], 'job output'));
    expectTypeOf(square).toEqualTypeOf<number>();
    expect(square).toBe(9);
  });

  it('refuses missing inputs and inputs of another type', () => {
    // @ts-expect-error one is missing
    expect(() => job.encodeInputs([1])).toThrow('expected 2 job inputs, got 1');
    // @ts-expect-error it is no number
    expect(() => job.encodeInputs([1, 'two'])).toThrow('job input 1: expected float64, got string');
  });
});

describe('a task', () => {
  it('takes plain values as constants, and equal ones are kept once', () => {
    const { graph } = defineJob([], (graph) => {
      graph.task(add, 0.5, 0.5);
      graph.task(add, 0, -0);
      graph.task(norm, { x: 1, y: 2 }, undefined);
      graph.task(total, [1, 2, 3]);
    });
    expect([...graph.sourceTask]).toEqual(Array.from({ length: 7 }, () => SOURCE_CONSTANT));
    expect([...graph.sourceSlot]).toEqual([0, 0, 1, 2, 3, 4, 5]);
    expect(graph.constants[0]).toEqual(Uint8Array.of(0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0));
    expect(graph.constants[4]).toEqual(Uint8Array.of(0xc0));
  });

  it('with several outputs gives them one by one', () => {
    const job = defineJob([int32], (graph, x) => {
      const quotient = graph.task(divide, x, 7);
      graph.task(divide, quotient.out(1), quotient.out(0));
      return [quotient.out(0), quotient.out(1), quotient.out(0)];
    });
    expect([...job.graph.sourceTask.subarray(2)]).toEqual([0, 0]);
    expect([...job.graph.sourceSlot.subarray(2)]).toEqual([1, 0]);
    expect([...job.graph.jobOutputSlots]).toEqual([0, 1]);
    const outputs = job.decodeOutputs(encodeValues([int32, int32], [3, 4], 'job output'));
    expectTypeOf(outputs).toEqualTypeOf<readonly [number, number, number]>();
    expect(outputs).toEqual([3, 4, 3]);
  });

  it('takes as many sources as an array has', () => {
    const wide = signature('wide', Array<Type<number>>(3).fill(float64), [float64]);
    const job = defineJob(Array<Type<number>>(3).fill(float64), (graph, ...inputs) => [
      graph.taskFrom(wide, inputs),
      graph.taskFrom(wide, [...graph.inputs].toReversed()),
    ]);
    expect([...job.graph.sourceSlot]).toEqual([0, 1, 2, 2, 1, 0]);
    expect(() => defineJob([], (graph) => void graph.taskFrom(wide, [1]))).toThrow(
      'wide: it has 3 inputs, but 1 sources',
    );
  });
});

describe('a job whose author returns nothing', () => {
  it('has the outputs of the tasks that give no input to another', () => {
    const job = defineJob([int32], (graph, x) => {
      graph.task(shout, 'left');
      const quotient = graph.task(divide, x, 7);
      graph.task(divide, quotient.out(0), 2);
    });
    const frame = encodeValues([string, int32, int32], ['LEFT', 5, 6], 'job output');
    const outputs = job.decodeOutputs(frame);
    expectTypeOf(outputs).toEqualTypeOf<readonly unknown[]>();
    expect(outputs).toEqual(['LEFT', 5, 6]);
  });
});

it('a job can have a commit and a cleanup task, which take no inputs', () => {
  const { graph } = defineJob([], (graph) => {
    graph.commitTask(notify);
    graph.cleanupTask(notify);
  });
  expect(graph.commitTask).toMatchObject({ packageName: 'example', functionName: 'notify' });
  expect(graph.cleanupTask).toEqual(graph.commitTask);
  // @ts-expect-error it has inputs
  expect(() => defineJob([], (graph) => graph.commitTask(shout))).toThrow('no inputs of its own');
});

it('is told by the compiler which kind of number a value is', () => {
  defineJob([float64], (graph, x) => {
    expectTypeOf(x).toEqualTypeOf<Value<number, 'float64'>>();
    const quotient = graph.task(divide, 7, 2);
    expectTypeOf(quotient.out(1)).toEqualTypeOf<Value<number, 'int32'>>();
    // @ts-expect-error an int32 is no float64
    expect(() => graph.task(add, x, quotient.out(1))).toThrow('input 1 is of type float64');
    // @ts-expect-error what is shared is another type
    expect(() => graph.task(fetch, graph.task(fetch, 'a'))).toThrow(
      'output 0 of task 1 is of type',
    );
  });
});

describe('what is refused, by the compiler or when the job is put together', () => {
  const define =
    (build: (graph: JobGraph<readonly [Type<number>]>, x: Value<number>) => void) => (): unknown =>
      defineJob([float64], build);

  it('a value of another type', () => {
    // @ts-expect-error a number is no string
    expect(define((graph, x) => graph.task(shout, x))).toThrow(
      'shout: task 0: input 0 is of type struct "String", but job input 0 is of type float64',
    );
    // @ts-expect-error a string is no number
    expect(define((graph, x) => graph.task(add, x, graph.task(shout, 'one')))).toThrow(
      'add: task 1: input 1 is of type float64, but output 0 of task 0 is of type struct "String"',
    );
    // `Value<number>` says nothing of the kind of number, so only the graph can tell.
    expect(define((graph, x) => void graph.task(divide, x, 1))).toThrow('input 0 is of type int32');
  });

  it('a plain value of another type', () => {
    // @ts-expect-error a string is no number
    expect(define((graph, x) => graph.task(add, x, 'one'))).toThrow(
      'add: input 1: expected float64, got string',
    );
    // @ts-expect-error y is missing
    expect(define((graph) => graph.task(norm, { x: 1 }, 1))).toThrow('norm: input 0');
  });

  it('too few or too many sources', () => {
    // @ts-expect-error one is missing
    expect(define((graph, x) => graph.task(add, x))).toThrow('add: it has 2 inputs, but 1 sources');
    // @ts-expect-error one is too many
    expect(define((graph, x) => graph.task(add, x, x, x))).toThrow(
      'add: it has 2 inputs, but 3 sources',
    );
  });

  it('a task that has not exactly one output, in the place of a value', () => {
    // @ts-expect-error it has two
    expect(define((graph) => graph.task(divide, graph.task(divide, 7, 2), 1))).toThrow(
      'divide: input 0: task 0 (divide) has 2 outputs: choose one with out()',
    );
    // @ts-expect-error it has none
    expect(define((graph, x) => graph.task(add, x, graph.task(notify)))).toThrow(
      'add: input 1: task 0 (notify) has 0 outputs: it can only be waited for, with after()',
    );
  });

  it('an output that a task does not have', () => {
    // @ts-expect-error they are 0 and 1
    expect(define((graph) => graph.task(divide, 7, 2).out(2))).toThrow(
      'task 0 (divide) has no output 2',
    );
  });

  it('values and tasks of another graph', () => {
    let foreign: Task<readonly [Type<number>]> | undefined;
    defineJob([], (graph) => {
      foreign = graph.task(add, 1, 2);
    });
    if (!foreign) throw new Error('the job was not put together');
    const [other] = [foreign];
    expect(define((graph, x) => void graph.task(add, x, other))).toThrow(
      'add: input 1: this is a value of another graph',
    );
    expect(define((graph, x) => void graph.task(add, x, x).after(other))).toThrow(
      'task 0 (add) is to run after a task of another graph',
    );
    expect(() => defineJob([], () => [other])).toThrow('job output 0: this is a value of another');
  });

  it('to run after a task that comes later', () => {
    expect(
      define((graph, x) => {
        const first = graph.task(add, x, x);
        first.after(graph.task(add, x, x));
      }),
    ).toThrow('task 0: it is to run after task 1, which is not an earlier task');
  });

  it('an input of the job as its output', () => {
    expect(() => defineJob([float64], (_graph, x) => [x])).toThrow(
      'job output 0: this is an input',
    );
  });

  it('outputs that are not in an array', () => {
    // @ts-expect-error they must be in an array
    expect(() => defineJob([], (graph) => graph.task(add, 1, 2))).toThrow(
      'returns its outputs, or nothing',
    );
  });

  it('what is no task', () => {
    const refusal = 'a graph is made of tasks from defineTask or externalTask';
    for (const other of [Math.sqrt, undefined, null, 'add', {}] as unknown as (typeof notify)[]) {
      expect(define((graph) => void graph.task(other))).toThrow(refusal);
      expect(define((graph) => graph.commitTask(other))).toThrow(refusal);
    }
  });

  it('a task for a graph that is put together already', () => {
    let late: JobGraph | undefined;
    defineJob([], (graph) => {
      late = graph;
    });
    expect(() => late?.task(add, 1, 2)).toThrow('put together already');
  });
});

it('a task that was refused leaves the graph as it was', () => {
  const { graph } = defineJob([], (graph) => {
    expect(() => graph.taskFrom(add, [1, 'two' as unknown as number])).toThrow('expected float64');
    graph.task(add, 3, 4);
  });
  expect(graph.taskCount).toBe(1);
  expect([...graph.outputOffset]).toEqual([0, 1]);
});

it('ten thousand tasks with 25 inputs, and 25,000 job inputs, are put together', () => {
  const neuron = signature('neuron', Array<Type<number>>(25).fill(float64), [float64]);
  const job = defineJob(Array<Type<number>>(25_000).fill(float64), (graph, ...inputs) => {
    let layer: Value<number>[] = [];
    for (let number = 0; number < 10; number++) {
      const before = layer;
      layer = Array.from({ length: 1_000 }, (_, place) =>
        graph.taskFrom(
          neuron,
          number === 0
            ? inputs.slice(place * 25, place * 25 + 25)
            : Array.from({ length: 25 }, (_, k) => before[(place + k * 7) % 1_000] ?? 0),
        ),
      );
    }
    return layer;
  });
  expect(job.graph.taskCount).toBe(10_000);
  expect(job.graph.child.length).toBe(225_000);
  expectTypeOf(job.decodeOutputs).returns.toEqualTypeOf<readonly number[]>();
  expectTypeOf(job.encodeInputs).parameter(0).toEqualTypeOf<readonly number[]>();
});

it('more inputs than a call takes arguments are found in the graph', () => {
  const job = defineJob(Array<Type<number>>(60_000).fill(float64), (graph, ...inputs) => {
    expect(inputs).toEqual([]);
    return graph.inputs.slice(0, 2).map((input) => graph.task(add, input, 1));
  });
  expect(job.graph.jobInputs).toHaveLength(60_000);
  expect(job.graph.taskCount).toBe(2);
});
