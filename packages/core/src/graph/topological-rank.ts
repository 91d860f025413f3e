import type { TaskGraph } from './task-graph.ts';

/**
 * The length of the longest path that leads to each task, in edges: 0 for a task without parents,
 * and for every other one more than the greatest rank among its parents. Tasks of the same rank do
 * not depend on each other.
 */
export function topologicalRanks(
  graph: Pick<TaskGraph, 'taskCount' | 'childOffset' | 'child'>,
): Uint32Array {
  const { taskCount, childOffset, child } = graph;
  const ranks = new Uint32Array(taskCount);
  // Children have higher indices, so a task's own rank is final when it is its turn.
  for (let task = 0; task < taskCount; task++) {
    const rank = (ranks[task] ?? 0) + 1;
    const end = childOffset[task + 1] ?? 0;
    for (let edge = childOffset[task] ?? 0; edge < end; edge++) {
      const target = child[edge] ?? 0;
      if ((ranks[target] ?? 0) < rank) ranks[target] = rank;
    }
  }
  return ranks;
}
