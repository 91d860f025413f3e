import {
  boolean,
  bytes,
  definePackage,
  defineTask,
  float64,
  int32,
  int64,
  list,
  map,
  optional,
  repeat,
  shared,
  string,
  struct,
} from '@spider/tdl';

// The tasks that the programs put together.

export const point = struct('Point', { x: float64, y: float64 });
export const size = struct('Size', { x: float64, y: float64 });

export const add = defineTask({
  name: 'add',
  inputs: [float64, float64],
  outputs: [float64],
  run: (_context, a, b) => a + b,
});

export const divide = defineTask({
  name: 'divide',
  inputs: [int32, int32],
  outputs: [int32, int32],
  run: (_context, a, b) => [Math.trunc(a / b), a % b],
});

export const count = defineTask({
  name: 'count',
  inputs: [string],
  outputs: [int32],
  run: (_context, text) => text.length,
});

export const notify = defineTask({
  name: 'notify',
  inputs: [],
  outputs: [],
  run: () => undefined,
});

export const load = defineTask({
  name: 'load',
  inputs: [string],
  outputs: [shared(bytes)],
  run: (_context, name) => new TextEncoder().encode(name),
});

export const hash = defineTask({
  name: 'hash',
  inputs: [bytes],
  outputs: [int64],
  run: (_context, content) => BigInt(content.length),
});

export const hashShared = defineTask({
  name: 'hash_shared',
  inputs: [shared(bytes)],
  outputs: [int64],
  run: (_context, content) => BigInt(content.length),
});

export const locate = defineTask({
  name: 'locate',
  inputs: [string],
  outputs: [point],
  run: (_context, name) => ({ x: name.length, y: 0 }),
});

export const distance = defineTask({
  name: 'distance',
  inputs: [point, point],
  outputs: [float64],
  run: (_context, a, b) => Math.hypot(a.x - b.x, a.y - b.y),
});

export const area = defineTask({
  name: 'area',
  inputs: [size],
  outputs: [float64],
  run: (_context, { x, y }) => x * y,
});

export const total = defineTask({
  name: 'total',
  inputs: [list(float64)],
  outputs: [optional(float64)],
  run: (_context, values) =>
    values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0),
});

export const rank = defineTask({
  name: 'rank',
  inputs: [list(int32)],
  outputs: [list(int32)],
  run: (_context, values) => values.toSorted((a, b) => a - b),
});

export const lookUp = defineTask({
  name: 'look_up',
  inputs: [map(int32, string), int32],
  outputs: [optional(string)],
  run: (_context, names, key) => names.get(key),
});

export const names = defineTask({
  name: 'names',
  inputs: [],
  outputs: [map(int64, string)],
  run: () => new Map([[1n, 'one']]),
});

export const isLong = defineTask({
  name: 'is_long',
  inputs: [optional(string)],
  outputs: [boolean],
  run: (_context, text) => text !== undefined && text.length > 10,
});

export const wide = defineTask({
  name: 'wide',
  inputs: repeat(float64, 25),
  outputs: [float64],
  run: (_context, ...values) => Math.max(...values),
});

export default definePackage({
  name: 'programs',
  version: '0.1.0',
  tasks: [
    add,
    divide,
    count,
    notify,
    load,
    hash,
    hashShared,
    locate,
    distance,
    area,
    total,
    rank,
    lookUp,
    names,
    isLong,
    wide,
  ],
});
