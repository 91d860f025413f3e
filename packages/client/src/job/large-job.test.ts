import { float64, type Type } from '@spider/core';
import { expect, it } from 'vitest';
import { defineJob } from './define-job.ts';
import { externalTask } from './external-task.ts';
import type { Value } from './value.ts';

const LAYERS = 100;
const WIDTH = 10_000;

const blend = externalTask({
  packageName: 'large',
  functionName: 'blend',
  inputs: [float64, float64, float64],
  outputs: [float64],
});

it('a million tasks with three inputs each are put together in a second or two', () => {
  const start = process.threadCpuUsage();
  const job = defineJob(Array<Type<number>>(WIDTH).fill(float64), (graph) => {
    let layer: readonly Value<number>[] = graph.inputs;
    for (let depth = 0; depth < LAYERS; depth++) {
      const before = layer;
      const sourceAt = (place: number): Value<number> | number => before[place % WIDTH] ?? 0;
      layer = before.map((value, place) =>
        graph.task(blend, value, sourceAt(place * 7 + 1), sourceAt(place * 13 + 5)),
      );
    }
    return layer;
  });
  const { user, system } = process.threadCpuUsage(start);
  expect(job.graph.taskCount).toBe(LAYERS * WIDTH);
  expect(job.graph.sourceTask).toHaveLength(3 * LAYERS * WIDTH);
  expect(job.graph.jobOutputSlots).toHaveLength(WIDTH);
  expect((user + system) / 1e6).toBeLessThan(5);
}, 60_000);
