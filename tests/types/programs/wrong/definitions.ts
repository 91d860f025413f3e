import {
  boolean,
  definePackage,
  defineTask,
  float64,
  int32,
  int64,
  list,
  map,
  optional,
  shared,
  string,
  struct,
} from '@spider/tdl';
import { runCommitTask, runTask } from '@spider/tdl/testing';
import { add, point } from '../tasks.ts';

const base = { name: 'task' };

// a task that returns the wrong type
defineTask({
  ...base,
  inputs: [string],
  outputs: [float64],
  // error: Type 'string' is not assignable to type 'number | Promise<number>'
  run: (_context, text) => text,
});

// an async task that returns the wrong type
defineTask({
  ...base,
  inputs: [string],
  outputs: [float64],
  // error: Type 'Promise<string>' is not assignable to type 'number | Promise<number>'
  run: async (_context, text) => text,
});

// a task that returns a number for an int64
defineTask({
  ...base,
  inputs: [string],
  outputs: [int64],
  // error: Type 'number' is not assignable to type 'bigint | Promise<bigint>'
  run: (_context, text) => text.length,
});

// a task that returns too few outputs
defineTask({
  ...base,
  inputs: [],
  outputs: [float64, float64],
  // error: Source has 1 element(s) but target requires 2
  run: () => [1],
});

// a task that returns too many outputs
defineTask({
  ...base,
  inputs: [],
  outputs: [float64, float64],
  // error: Type '3' is not assignable to type 'undefined'
  run: () => [1, 2, 3],
});

// a task that returns its outputs in another order
defineTask({
  ...base,
  inputs: [],
  outputs: [string, float64],
  // error: Type 'number' is not assignable to type 'string'
  run: () => [1, 'one'],
});

// a task that returns one output in an array
defineTask({
  ...base,
  inputs: [],
  outputs: [float64],
  // error: Type 'readonly [1]' is not assignable to type 'number | Promise<number>'
  run: () => [1],
});

// a task that returns nothing, for an output
defineTask({
  ...base,
  inputs: [],
  outputs: [boolean],
  // error: Type 'void' is not assignable to type 'boolean | Promise<boolean>'
  run: () => {},
});

// a task without outputs that returns a value
defineTask({
  ...base,
  inputs: [string],
  outputs: [],
  // error: Type 'string' is not assignable to type 'void | Promise<void>'
  run: (_context, text) => text,
});

// a task that returns a struct without one of its fields
defineTask({
  ...base,
  inputs: [],
  outputs: [point],
  // error: Property 'y' is missing in type '{ readonly x: 1; }'
  run: () => ({ x: 1 }),
});

// a task that returns an input that may be absent
defineTask({
  ...base,
  inputs: [optional(float64)],
  outputs: [float64],
  // error: Type 'undefined' is not assignable to type 'number | Promise<number>'
  run: (_context, x) => x,
});

// a task that returns an object for a map
defineTask({
  ...base,
  inputs: [],
  outputs: [map(int32, string)],
  // error: is not assignable to type 'Promise<ReadonlyMap<number, string>> | ReadonlyMap<number, string>'
  run: () => ({ 1: 'one' }),
});

// a task whose function takes more inputs than it has
defineTask({
  ...base,
  inputs: [float64],
  outputs: [float64],
  // error: Target signature provides too few arguments. Expected 3 or more, but got 2
  run: (_context, x, y: number) => x + y,
});

// a task whose function takes an input for another type
defineTask({
  ...base,
  inputs: [int64],
  outputs: [float64],
  // error: Type 'bigint' is not assignable to type 'number'
  run: (_context, x: number) => x,
});

// a task whose function misuses an input
defineTask({
  ...base,
  inputs: [point],
  outputs: [float64],
  // error: Property 'z' does not exist on type '{ readonly x: number; readonly y: number; }'
  run: (_context, p) => p.z,
});

// a task whose function changes an input
defineTask({
  ...base,
  inputs: [list(float64)],
  outputs: [],
  // error: Property 'push' does not exist on type 'readonly number[]'
  run: (_context, values) => void values.push(1),
});

// a task without a name
// error: Property 'name' is missing in type
defineTask({ inputs: [], outputs: [], run: () => undefined });

// a map whose keys are floats
// error: Argument of type 'Type<number, "float64">' is not assignable to parameter of type
map(float64, string);

// a map whose keys are texts
// error: Argument of type 'Type<string, "string">' is not assignable to parameter of type
map(string, string);

// a shared type in a list
// error: 'Type<number, "shared float64">' is not assignable to type '"a shared type stands for a whole input or output, not for a part of one"'
list(shared(float64));

// a shared type in a struct
// error: 'Type<string, "shared string">' is not assignable to type '"a shared type stands for a whole input or output, not for a part of one"'
struct('Holder', { content: shared(string) });

// a package that lists something else
// error: Type '() => number' is not assignable to type 'TaskDefinition<Types, Types>'
definePackage({ name: 'p', version: '1', tasks: [add, () => 1] });

// a task that is run with too few inputs
// error: Expected 3 arguments, but got 2
await runTask(add, 1);

// a task that is run with an input of the wrong type
// error: Argument of type 'string' is not assignable to parameter of type 'number'
await runTask(add, 1, '2');

// a task that is run as a commit task, although it has inputs
// error: is not assignable to type '(context: TaskContext) => unknown'
await runCommitTask(add, [float64], 1);
