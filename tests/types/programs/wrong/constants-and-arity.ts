import { defineJob, externalTask, float64, int64, type Value, withPolicy } from '@spider/client';
import { add, area, count, distance, hash, lookUp, notify, total, wide } from '../tasks.ts';

// a constant that is a text, for a number
defineJob([], (graph) => {
  // error: Argument of type 'string' is not assignable to parameter of type 'Source<number, "float64">'
  graph.task(add, 1, '2');
});

// a constant that is a bigint, for a float64
defineJob([], (graph) => {
  // error: Argument of type 'bigint' is not assignable to parameter of type 'Source<number, "float64">'
  graph.task(add, 1n, 2);
});

// a constant that is a number, for an int64
defineJob([], (graph) => {
  const step = externalTask({
    packageName: 'p',
    functionName: 'step',
    inputs: [int64],
    outputs: [],
  });
  // error: Argument of type 'number' is not assignable to parameter of type 'Source<bigint, "int64">'
  graph.task(step, 1);
});

// a constant that is no bytes
defineJob([], (graph) => {
  // error: Argument of type 'number[]' is not assignable to parameter of type 'Source<Uint8Array<ArrayBufferLike>, "bytes">'
  graph.task(hash, [1, 2, 3]);
});

// a constant list with a wrong element
defineJob([], (graph) => {
  // error: Type 'string' is not assignable to type 'number'
  graph.task(total, [1, 'two']);
});

// a constant map with a wrong key
defineJob([], (graph) => {
  // error: Type 'string' is not assignable to type 'number'
  graph.task(lookUp, new Map([['one', 'un']]), 1);
});

// a constant struct with a field of the wrong type
defineJob([], (graph) => {
  // error: Type 'string' is not assignable to type 'number'
  graph.task(area, { x: 1, y: '2' });
});

// a constant struct with a field too many
defineJob([], (graph) => {
  // error: Object literal may only specify known properties, and 'z' does not exist in type
  graph.task(distance, { x: 1, y: 2, z: 3 }, { x: 1, y: 2 });
});

// a promise for a constant
defineJob([], (graph) => {
  // error: Argument of type 'Promise<number>' is not assignable to parameter of type 'Source<number, "float64">'
  graph.task(add, Promise.resolve(1), 2);
});

// too few sources
defineJob([float64], (graph, x) => {
  // error: Expected 3 arguments, but got 2
  graph.task(add, x);
});

// too many sources
defineJob([float64], (graph, x) => {
  // error: Expected 3 arguments, but got 4
  graph.task(add, x, x, x);
});

// too few sources for a task with many inputs
defineJob([float64], (graph, x) => {
  // error: Expected 26 arguments, but got 3
  graph.task(wide, x, x);
});

// a source for a task that takes none
defineJob([], (graph) => {
  // error: Expected 1 arguments, but got 2
  graph.task(notify, 1);
});

// a job whose function takes more inputs than it has
// error: Target signature provides too few arguments. Expected 3 or more, but got 2
defineJob([float64], (graph, x, y: Value<number>) => [graph.task(add, x, y)]);

// a commit task with inputs
defineJob([], (graph) => {
  // error: Source has 1 element(s) but target allows only 0
  graph.commitTask(count);
});

// a cleanup task with inputs
defineJob([], (graph) => {
  // error: Source has 2 element(s) but target allows only 0
  graph.cleanupTask(add);
});

// a commit task with inputs, under another policy
defineJob([], (graph) => {
  // error: Source has 1 element(s) but target allows only 0
  graph.commitTask(withPolicy(count, { retries: 1 }));
});

// a function that is no task
defineJob([], (graph) => {
  // error: Argument of type '(x: number) => number' is not assignable to parameter of type 'TaskSignature
  graph.task(Math.sqrt, 4);
});

// a policy with a field that there is not
// error: 'retrys' does not exist in type 'TaskPolicyOptions'
withPolicy(add, { retrys: 3 });
