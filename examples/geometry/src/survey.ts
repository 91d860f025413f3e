import {
  connect,
  defineJob,
  externalTask,
  float64,
  list,
  string,
  withPolicy,
} from '@spider/client';
import {
  bounds,
  checkLengths,
  pathLength,
  type Point,
  point,
  readPath,
  scale,
  sweep,
} from './index.ts';

/** The lengths of a path in a file, which is in kilometres, and of a path that is given in metres. */
export const lengths = defineJob([string, list(point)], (graph, file, path) => {
  const metres = graph.task(scale, graph.task(readPath, file), 1_000);
  graph.commitTask(checkLengths);
  graph.cleanupTask(sweep);
  return [graph.task(pathLength, metres), graph.task(pathLength, path)];
});

const patientBounds = withPolicy(bounds, { retries: 5, hardTimeoutMs: 600_000 });

/** The lowest and the highest corner of a path, looked for once its length is known. */
export const corners = defineJob([list(point)], (graph, path) => {
  const length = graph.task(pathLength, path);
  const box = graph.task(patientBounds, path).after(length);
  return [box.out(0), box.out(1), length];
});

const measure = externalTask({
  packageName: 'geometry',
  functionName: 'geometry::path_length',
  inputs: [list(point)],
  outputs: [float64],
});

/** The length of a path, by a task that is known only by name. */
export const measured = defineJob([list(point)], (graph, path) => [graph.task(measure, path)]);

export interface Survey {
  readonly lengths: readonly [number, number];
  readonly corners: readonly [Point, Point, number];
  readonly measured: number;
}

export async function survey(
  endpoint: string,
  file: string,
  path: readonly Point[],
): Promise<Survey> {
  using client = connect({ endpoints: [endpoint] });
  const handle = await client.submitAndStart(lengths, [file, path]);
  const [inFile, given] = await handle.outputs({ timeoutMs: 60_000 });

  const looking = await client.submitAndStart(corners, [path]);
  const measuring = await client.submitAndStart(measured, [path]);
  const [length] = await measuring.outputs();
  return { lengths: [inFile, given], corners: await looking.outputs(), measured: length };
}
