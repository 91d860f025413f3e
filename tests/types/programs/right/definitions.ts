import {
  boolean,
  bytes,
  defineTask,
  float64,
  int32,
  int64,
  list,
  map,
  optional,
  repeat,
  string,
  struct,
  type TaskContext,
  tuple,
  type Type,
  type ValueOf,
} from '@spider/tdl';
import { runCommitTask, runTask } from '@spider/tdl/testing';
import { add, divide, lookUp, wide } from '../tasks.ts';

// Several outputs are returned in an array, at once or by a promise.
export const split = defineTask({
  name: 'split',
  inputs: [string, optional(string)],
  outputs: [string, optional(string), int32],
  run: async (_context, text, separator = ' ') => {
    const at = text.indexOf(separator);
    if (at < 0) return [text, undefined, -1];
    return [text.slice(0, at), text.slice(at + separator.length), at];
  },
});

// A struct may hold all but shared values; a field that is optional may be left out.
export const label = struct('Label', { text: string, colour: optional(string) });
export const shape = struct('Shape', {
  corners: list(struct('Corner', { x: float64, y: float64 })),
  labels: map(int64, label),
  raw: bytes,
  isClosed: boolean,
});
export const relabel = defineTask({
  name: 'relabel',
  inputs: [shape],
  outputs: [shape],
  run: (_context, { corners, raw }) => ({
    corners,
    labels: new Map([[1n, { text: 'one' }]]),
    raw,
    isClosed: corners.length > 2,
  }),
});
export const example: ValueOf<typeof label> = { text: 'one' };

// A task may return nothing, and may never return.
export const log = defineTask({
  name: 'log',
  inputs: [string],
  outputs: [],
  run: (context: TaskContext, text) => {
    if (text === '') throw new Error(`job ${context.jobId} said nothing`);
  },
});
export const fail = defineTask({
  name: 'fail',
  inputs: [],
  outputs: [float64],
  run: () => {
    throw new Error('never');
  },
});

// The number of inputs and outputs may be known, or not.
export const spread = defineTask({
  name: 'spread',
  inputs: repeat(float64, 3),
  outputs: repeat(float64, 3),
  run: (_context, ...values) => values,
});
export const counted = (count: number) =>
  defineTask({
    name: `counted_${count}`,
    inputs: [],
    outputs: Array<Type<number>>(count).fill(int32),
    run: () => Array.from({ length: count }, (_, index) => index),
  });

// Tests run tasks with plain values.
export const three: number = await runTask(add, 1, 2);
export const [whole, rest]: readonly [number, number] = await runTask(divide, 7, 2);
export const name: string | undefined = await runTask(lookUp, new Map([[1, 'one']]), 1);
export const most: number = await runTask(wide, ...tuple(25, (index) => index));
await runCommitTask(
  defineTask({
    name: 'check',
    inputs: [],
    outputs: [],
    run: (context) => {
      if (context.outputs().some((output) => output.as(float64) < 0)) throw new Error('negative');
    },
  }),
  [float64, float64],
  1,
  2,
);
