import { decodeFrame } from '@spider/core';
import { expect, it } from 'vitest';
import { unpackFloat64 } from '../workload/float64.ts';
import { grainWorkload } from './grain-workload.ts';
import { PATTERNS } from './patterns.ts';

it('wires tasks to those of the step before', () => {
  const pattern = [[[], []], [[0], [0, 1]], [[1, 0]]];
  const { graph, edges, expected, inputs } = grainWorkload('small', pattern, 0.25);
  expect([graph.taskCount, edges]).toEqual([5, 5]);
  // The first step gives 1 and 1, the second 2 and 3.
  expect([...expected]).toEqual([6]);
  expect(decodeFrame(inputs).map(unpackFloat64)).toEqual([0.25]);
});

it('has the four patterns, of sizes that are alike', () => {
  const sizes = Object.entries(PATTERNS).map(([name, pattern]) => {
    const { graph, edges } = grainWorkload(name, pattern, 1);
    return [name, graph.taskCount, edges];
  });
  expect(sizes).toEqual([
    ['stencil', 3_200, 99 * 94],
    ['fft', 3_200, 99 * 64],
    ['tree', 4_095, 4_094],
    ['spread', 3_200, 99 * 96],
  ]);
});
