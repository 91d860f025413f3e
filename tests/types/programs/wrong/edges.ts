import { defineJob, externalTask, float64, int32, string, withPolicy } from '@spider/client';
import {
  add,
  area,
  count,
  distance,
  divide,
  hash,
  hashShared,
  isLong,
  load,
  locate,
  lookUp,
  names,
  notify,
  rank,
  total,
  wide,
} from '../tasks.ts';

// a text for a number
defineJob([string], (graph, text) => {
  // error: 'Value<string, "string">' is not assignable to parameter of type 'Source<number, "float64">'
  graph.task(add, 1, text);
});

// an int32 for a float64
defineJob([int32], (graph, size) => {
  // error: 'Value<number, "int32">' is not assignable to parameter of type 'Source<number, "float64">'
  graph.task(add, size, 1);
});

// a task with an int32 output for a float64
defineJob([], (graph) => {
  // error: 'Task<readonly [Type<number, "int32">]>' is not assignable to parameter of type 'Source<number, "float64">'
  graph.task(add, graph.task(count, 'one'), 1);
});

// an output that a task does not have
defineJob([], (graph) => {
  const quotient = graph.task(divide, 7, 2);
  // error: Argument of type '2' is not assignable to parameter of type '0 | 1'
  quotient.out(2);
});

// an output by a position that is not known
defineJob([], (graph) => {
  const position: number = graph.inputs.length;
  // error: Argument of type 'number' is not assignable to parameter of type '0 | 1'
  graph.task(divide, 7, 2).out(position);
});

// a task with two outputs for a value
defineJob([], (graph) => {
  // error: 'TaskHandle<readonly [Type<number, "int32">, Type<number, "int32">]>' is not assignable to parameter of type 'Source<number, "int32">'
  graph.task(divide, graph.task(divide, 7, 2), 1);
});

// a task without outputs for a value
defineJob([], (graph) => {
  // error: 'TaskHandle<readonly []>' is not assignable to parameter of type 'Source<number, "float64">'
  graph.task(add, graph.task(notify), 1);
});

// a shared value for a plain one
defineJob([], (graph) => {
  // error: 'Task<readonly [Type<Uint8Array<ArrayBufferLike>, "shared bytes">]>' is not assignable to parameter of type 'Source<Uint8Array<ArrayBufferLike>, "bytes">'
  graph.task(hash, graph.task(load, 'file'));
});

// a plain value of the graph for a shared one
defineJob([], (graph) => {
  const copy = externalTask({
    packageName: 'files',
    functionName: 'copy',
    inputs: [],
    outputs: hash.inputs,
  });
  // error: 'Source<Uint8Array<ArrayBufferLike>, "shared bytes">'
  graph.task(hashShared, graph.task(copy));
});

// a struct for another one with the same fields
defineJob([], (graph) => {
  // error: "Point">]>' is not assignable to parameter of type 'Source<{ readonly x: number; readonly y: number; }, "Size">'
  graph.task(area, graph.task(locate, 'here'));
});

// a list of other elements
defineJob([], (graph) => {
  // error: '(name: "list<int32>") => void' is not assignable to type '(name: "list<float64>") => void'
  graph.task(total, graph.task(rank, [2, 1]));
});

// a list put together from values of the graph
defineJob([float64], (graph, x) => {
  // error: Type 'Value<number, "float64">' is not assignable to type 'number'
  graph.task(total, [x]);
});

// a map with other keys
defineJob([], (graph) => {
  // error: <ReadonlyMap<bigint, string>, "map<int64, string>">]>' is not assignable to parameter of type 'Source<ReadonlyMap<number, string>, "map<int32, string>">'
  graph.task(lookUp, graph.task(names), 1);
});

// an optional value for one that must be there
defineJob([], (graph) => {
  // error: Type 'number | undefined' is not assignable to type 'number'
  graph.task(add, graph.task(total, []), 1);
});

// a value that is always there for an optional one
defineJob([string], (graph, text) => {
  // error: 'Value<string, "string">' is not assignable to parameter of type 'Source<string | undefined, "optional<string>">'
  graph.task(isLong, text);
});

// one of many sources of another type
defineJob([float64, int32], (graph, x, size) => {
  // error: Type 'Value<number, "int32">' is not assignable to type 'Source<number, "float64">'
  graph.taskFrom(wide, [x, x, size]);
});

// a value of a struct that has only some of its fields
defineJob([], (graph) => {
  // error: Property 'y' is missing in type '{ x: number; }'
  graph.task(distance, graph.task(locate, 'here'), { x: 1 });
});

// a value in place of a task to wait for
defineJob([float64], (graph, x) => {
  // error: Type 'Value<number, "float64">' is missing the following properties from type 'TaskHandle
  graph.task(notify).after(x);
});

// the wrong type for a task under another policy
defineJob([int32], (graph, size) => {
  const patient = withPolicy(add, { retries: 3 });
  // error: 'Value<number, "int32">' is not assignable to parameter of type 'Source<number, "float64">'
  graph.task(patient, size, 1);
});
