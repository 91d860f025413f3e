import { COMMIT_TASK_INDEX } from '@spider/core';
import type { TaskGraph } from '@spider/core';

/** The tasks without which one cannot start. */
export function* parentsOf(graph: TaskGraph, task: number): Generator<number, undefined> {
  if (task >= graph.taskCount) {
    // A commit task comes after all others; a cleanup task may come at any time.
    if (task === COMMIT_TASK_INDEX) for (let i = 0; i < graph.taskCount; i++) yield i;
    return undefined;
  }
  for (let i = graph.inputOffset[task] ?? 0; i < (graph.inputOffset[task + 1] ?? 0); i++) {
    const source = graph.sourceTask[i] ?? 0;
    if (source < graph.taskCount) yield source;
  }
  for (let i = graph.orderOffset[task] ?? 0; i < (graph.orderOffset[task + 1] ?? 0); i++) {
    yield graph.orderTask[i] ?? 0;
  }
  return undefined;
}
