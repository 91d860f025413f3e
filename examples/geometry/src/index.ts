import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  definePackage,
  defineTask,
  float64,
  list,
  optional,
  shared,
  string,
  struct,
  TaskError,
  type ValueOf,
} from '@spider/tdl';

export const point = struct('Point', { x: float64, y: float64, label: optional(string) });
export type Point = ValueOf<typeof point>;

export const pathLength = defineTask({
  name: 'geometry::path_length',
  inputs: [list(point)],
  outputs: [float64],
  run: (_context, path) =>
    path.reduce((sum, to, index) => {
      const from = path[index - 1] ?? to;
      return sum + Math.hypot(to.x - from.x, to.y - from.y);
    }, 0),
});

export const bounds = defineTask({
  name: 'geometry::bounds',
  inputs: [list(point)],
  outputs: [point, point],
  run: (_context, path) => {
    if (path.length === 0) throw new TaskError('an empty path has no bounds', { retry: false });
    const [xs, ys] = [path.map(({ x }) => x), path.map(({ y }) => y)];
    return [
      { x: Math.min(...xs), y: Math.min(...ys) },
      { x: Math.max(...xs), y: Math.max(...ys) },
    ];
  },
});

export const readPath = defineTask({
  name: 'geometry::read_path',
  inputs: [string],
  outputs: [shared(list(point))],
  policy: { retries: 3, hardTimeoutMs: 60_000 },
  run: async (_context, file) => {
    const text = await readFile(file, 'utf8');
    return text.trimEnd().split('\n').map(readPoint);
  },
});

export const scale = defineTask({
  name: 'geometry::scale',
  inputs: [shared(list(point)), float64],
  outputs: [list(point)],
  run: (_context, path, factor) =>
    path.map(({ x, y, label }) => ({ x: x * factor, y: y * factor, label })),
});

export const checkLengths = defineTask({
  name: 'geometry::check_lengths',
  inputs: [],
  outputs: [],
  run: (context) => {
    for (const [position, output] of context.outputs().entries()) {
      const length = output.as(float64);
      if (!Number.isFinite(length)) throw new TaskError(`length ${position} is ${length}`);
    }
  },
});

export const sweep = defineTask({
  name: 'geometry::sweep',
  inputs: [],
  outputs: [],
  run: async ({ jobId }) => {
    await rm(join(tmpdir(), `geometry-${jobId}`), { recursive: true, force: true });
  },
});

export default definePackage({
  name: 'geometry',
  version: '0.1.0',
  tasks: [pathLength, bounds, readPath, scale, checkLengths, sweep],
});

function readPoint(line: string): Point {
  const [x, y, label] = line.split(' ');
  return { x: Number(x), y: Number(y), label };
}
