import { expect, test } from 'vitest';
import { chainGraph, fanInGraph, layeredGraph, treeGraph } from './testing/closed-form-graphs.ts';
import { TaskGraphBuilder } from './task-graph-builder.ts';
import { topologicalRanks } from './topological-rank.ts';
import { floatTaskKind } from './testing/closed-form-graphs.ts';

test('the rank of a task is the length of the longest path to it', () => {
  const builder = new TaskGraphBuilder();
  const kind = floatTaskKind(0);
  builder.addTask({ kind, sources: [] });
  builder.addTask({ kind, sources: [], after: [0] });
  builder.addTask({ kind, sources: [], after: [0, 1] });
  builder.addTask({ kind, sources: [] });
  expect([...topologicalRanks(builder.build())]).toEqual([0, 1, 2, 0]);
});

test('the shapes that tests use have the ranks that their names promise', () => {
  expect([...topologicalRanks(chainGraph(4))]).toEqual([0, 1, 2, 3]);
  expect([...topologicalRanks(fanInGraph(3))]).toEqual([0, 0, 0, 1]);
  expect([...topologicalRanks(treeGraph({ depth: 2, fanOut: 2 }))]).toEqual([0, 1, 1, 2, 2, 2, 2]);
  const layered = layeredGraph({ layers: 3, width: 2, inputsPerTask: 2 });
  expect([...topologicalRanks(layered)]).toEqual([0, 0, 1, 1, 2, 2]);
});
