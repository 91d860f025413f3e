import { expect, test } from 'vitest';
import {
  chainGraph,
  fanInGraph,
  fanOutGraph,
  independentGraph,
  layeredGraph,
  treeGraph,
} from './closed-form-graphs.ts';

test.each([
  // shape, graph, tasks, edges, job inputs, job outputs
  ['layers', layeredGraph({ layers: 3, width: 4, inputsPerTask: 2 }), 12, 16, 8, 4],
  ['a chain', chainGraph(5), 5, 4, 1, 1],
  ['a fan-out', fanOutGraph(6), 7, 6, 1, 6],
  ['a fan-in', fanInGraph(6), 7, 6, 6, 1],
  ['a tree', treeGraph({ depth: 3, fanOut: 2 }), 15, 14, 1, 8],
  ['independent tasks', independentGraph(4), 4, 0, 4, 4],
] as const)('the size of %s follows from its parameters', (_shape, graph, ...sizes) => {
  const { taskCount, child, jobInputs, jobOutputSlots } = graph;
  expect([taskCount, child.length, jobInputs.length, jobOutputSlots.length]).toEqual(sizes);
});
