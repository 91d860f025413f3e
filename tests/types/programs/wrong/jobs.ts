import { connect, defineJob, float64, int32, string } from '@spider/client';
import { add, area, count, distance, divide, notify, total } from '../tasks.ts';

const client = connect({ endpoints: ['http://127.0.0.1:50051'] });

const job = defineJob([float64, string], (graph, x, text) => [
  graph.task(add, x, 1),
  graph.task(count, text),
]);

// too few job inputs
// error: Source has 1 element(s) but target requires 2
await client.submit(job, [1]);

// too many job inputs
// error: Source has 3 element(s) but target allows only 2
await client.submit(job, [1, 'two', 3]);

// a job input of the wrong type
// error: Type 'number' is not assignable to type 'string'
await client.submitAndStart(job, [1, 2]);

// job inputs that are not in an array
// error: Expected 2-3 arguments, but got 4
await client.submit(job, 1, 'two', {});

// a job input that is a struct with a wrong field
const place = defineJob([...distance.inputs], (graph, a, b) => [graph.task(distance, a, b)]);
await client.submit(place, [
  { x: 1, y: 2 },
  // error: Type 'string' is not assignable to type 'number'
  { x: 1, y: 'two' },
]);

// an option that there is not
// error: 'idempotency' does not exist in type 'SubmitOptions'
await client.submit(job, [1, 'two'], { idempotency: 'key' });

// a job output for another type
const handle = await client.submit(job, [1, 'two']);
const [sum, length] = await handle.outputs();
// error: Type 'number' is not assignable to type 'string'
export const text: string = sum;

// a job output that may be absent
const [optionalSum] = await client
  .submit(
    defineJob([], (graph) => [graph.task(total, [1])]),
    [],
  )
  .then((submitted) => submitted.outputs());
// error: 'optionalSum' is possibly 'undefined'
optionalSum.toFixed();

// a job output that there is not
// error: Tuple type 'readonly [number, number]' of length '2' has no element at index '2'
const [first, second, third] = await handle.outputs();

// an output of a job whose outputs were not chosen
const unchosen = await client.submit(
  defineJob([], (graph) => void graph.task(add, 1, 2)),
  [],
);
const [one] = await unchosen.outputs();
// error: 'one' is of type 'unknown'
one.toFixed();

// a field of a struct output that it does not have
const [mean] = await handle.outputs();
// error: Property 'x' does not exist on type 'number'
export const x = mean.x;

// outputs before they are there
// error: Type 'Promise<readonly [number, number]>' must have a '[Symbol.iterator]()' method that returns an iterator
const [early] = handle.outputs();

// a job whose outputs are not in an array
// error: Type 'Task<readonly [Type<number, "float64">]>' is not assignable to type 'ChosenOutputs'
defineJob([], (graph) => graph.task(add, 1, 2));

// a task without outputs as a job output
// error: Type 'TaskHandle<readonly []>' is missing the following properties from type 'Value<unknown, string>'
defineJob([], (graph) => [graph.task(notify)]);

// a task with two outputs as one job output
// error: Type 'TaskHandle<readonly [Type<number, "int32">, Type<number, "int32">]>' is missing the following properties from type 'Value<unknown, string>'
defineJob([int32], (graph, n) => [graph.task(divide, n, 2)]);

// a plain value as a job output
// error: Type 'number' is not assignable to type 'Value<unknown, string>'
defineJob([], () => [1]);

// a job put together by an async function
// error: Type 'Promise<readonly [Task<readonly [Type<number, "float64">]>]>' is not assignable to type 'ChosenOutputs'
defineJob([], async (graph) => [graph.task(area, { x: 1, y: 2 })]);

// a type that is no type
// error: Type 'StringConstructor' is missing the following properties from type 'Type<unknown, string>'
defineJob([String], () => []);

// a policy that does not exist
// error: Type '"go-on"' is not assignable to type 'FailurePolicy | undefined'
defineJob([], (graph) => void graph.task(notify), { failurePolicy: 'go-on' });

// a deadline that is no number
// error: Type 'Date' is not assignable to type 'number'
defineJob([], (graph) => void graph.task(notify), { deadlineAtMs: new Date(0) });

export { early, first, length, second, third };
