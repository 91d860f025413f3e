import { connect, defineJob, float64, list, string, withPolicy } from '@spider/client';
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

/** Measures a path that is read from a file, in its own unit and in another, and a path that is given. */
const lengths = defineJob([string, float64, list(point)], (graph, file, factor, path) => {
  const read = graph.task(readPath, file);
  const scaled = graph.task(scale, read, factor);
  const original = graph.task(scale, read, 1);
  graph.commitTask(checkLengths);
  graph.cleanupTask(withPolicy(sweep, { retries: 5 }));
  return [
    graph.task(pathLength, original),
    graph.task(pathLength, scaled),
    graph.task(pathLength, path),
  ];
});

/** The corners of a path, found only when `gate` has a path that is not empty. */
const corners = defineJob([list(point), list(point)], (graph, gate, path) => {
  const opened = graph.task(bounds, gate);
  const found = graph.task(bounds, path).after(opened);
  return [found.out(0), found.out(1)];
});

export interface Survey {
  readonly lengths: readonly [number, number, number];
  readonly corners: readonly [Point, Point];
}

export async function survey(
  endpoint: string,
  file: string,
  path: readonly Point[],
): Promise<Survey> {
  using client = connect({ endpoints: [endpoint] });
  const measuring = await client.submitAndStart(lengths, [file, 1_000, path]);
  const finding = await client.submitAndStart(corners, [path, path]);
  return { lengths: await measuring.outputs(), corners: await finding.outputs() };
}
