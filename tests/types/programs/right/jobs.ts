import {
  connect,
  defineJob,
  externalTask,
  float64,
  int32,
  type JobDefinition,
  type JobGraph,
  list,
  shared,
  string,
  type Task,
  type TaskHandle,
  type Type,
  type Value,
  withPolicy,
} from '@spider/client';
import {
  add,
  area,
  count,
  distance,
  divide,
  hashShared,
  isLong,
  load,
  locate,
  lookUp,
  notify,
  point,
  rank,
  total,
  wide,
} from '../tasks.ts';

// Values of the graph and plain values stand side by side, and one value may feed many inputs.
export const mixed = defineJob([float64, string], (graph, x, text) => {
  const sum = graph.task(add, x, 1);
  const quotient = graph.task(divide, graph.task(count, text), 2);
  const twice = graph.task(add, sum, sum);
  graph.task(divide, quotient.out(1), quotient.out(0));
  return [twice, quotient.out(0), sum, twice] as const;
});

// Whatever a type may hold may be a constant.
export const constants = defineJob([], (graph) => {
  graph.task(distance, { x: 1, y: 2 }, graph.task(locate, 'here'));
  graph.task(area, { x: 2, y: 3 });
  graph.task(total, [1, 2, 3]);
  graph.task(lookUp, new Map([[1, 'one']]), 1);
  graph.task(isLong, undefined);
  graph.task(isLong, 'text');
});

// A shared value feeds a shared input, an optional one an optional one.
export const like = defineJob([shared(string), list(int32)], (graph, _file, values) => [
  graph.task(hashShared, graph.task(load, 'file')),
  graph.task(isLong, graph.task(lookUp, new Map(), 7)),
  graph.task(rank, graph.task(rank, values)),
]);

// Tasks may wait for others, and a job may commit and clean up.
export const ordered = defineJob([], (graph) => {
  const first = graph.task(notify);
  const others: TaskHandle[] = [first, graph.task(divide, 7, 2)];
  graph.task(notify).after(...others, graph.task(add, 1, 2));
  graph.commitTask(notify);
  graph.cleanupTask(withPolicy(notify, { retries: 3 }));
});

// A number says nothing of its kind where the author says nothing of it.
export function layered(layers: number): JobDefinition<readonly Type<number>[], readonly number[]> {
  return defineJob(Array<Type<number>>(25).fill(float64), (graph) => {
    let layer: readonly Value<number>[] = graph.inputs;
    for (let depth = 0; depth < layers; depth++) {
      const before = layer;
      layer = before.map(() => graph.taskFrom(wide, before));
    }
    return layer;
  });
}

// Parts of a graph may be put together by functions.
function sumOf(
  graph: JobGraph,
  values: readonly Value<number, 'float64'>[],
): Task<typeof add.outputs> {
  let sum = graph.task(add, 0, 0);
  for (const value of values) sum = graph.task(add, sum, value);
  return sum;
}
export const sums = defineJob([float64, float64], (graph, x, y) => [sumOf(graph, [x, y])]);

// A task of another language is like any other.
export const external = defineJob([point], (graph, p) => {
  const project = externalTask({
    packageName: 'maps',
    functionName: 'maps::project',
    inputs: [point, float64],
    outputs: [point, float64],
    policy: { retries: 2, hardTimeoutMs: 10_000 },
  });
  const projected = graph.task(project, p, 0.5);
  return [graph.task(distance, projected.out(0), p), projected.out(1)];
});

// What comes back has the types of what was asked for.
using client = connect({ endpoints: ['http://127.0.0.1:50051'] });
const handle = await client.submitAndStart(mixed, [1, 'two'], { idempotencyKey: 'once' });
const [twice, quotient, sum, again] = await handle.outputs({ timeoutMs: 1_000 });
export const numbers: readonly number[] = [twice, quotient, sum, again];
const [bigint, isLongText, ranks] = await client.job(handle.id, like).outputs();
export const hash: bigint = bigint;
export const answer: boolean = isLongText;
export const first: number | undefined = ranks[0];
for await (const { succeededTasks, totalTasks } of handle.watch()) {
  numbers.at(succeededTasks / totalTasks);
}
