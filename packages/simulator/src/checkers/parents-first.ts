import type { TaskGraph } from '@spider/core';

import type { Checker, SeenJob } from '../observer.ts';

export const parentsFirst: Checker = {
  name: 'parents-first',
  promise: 'No task starts before all tasks that it depends on have succeeded.',
  watch: (violated) => {
    const specs = new Map<string, SeenJob['spec']>();
    const succeeded = new Set<string>();
    return {
      jobSubmitted: ({ spec }) => void specs.set(spec.name, spec),
      taskEnded: ({ packageName, taskIndex }, end) => {
        // A job that is retried has its tasks' outputs from the one before.
        if (end === 'succeeded') succeeded.add(`${packageName}/${taskIndex}`);
      },
      taskStarted: ({ packageName, taskIndex, jobId }) => {
        const graph = specs.get(packageName)?.graph;
        if (graph === undefined) return;
        for (const parent of parentsOf(graph, taskIndex)) {
          if (succeeded.has(`${packageName}/${parent}`)) continue;
          violated(`task ${jobId}/${taskIndex} was started before its parent ${parent}`);
        }
      },
    };
  },
};

function* parentsOf(graph: TaskGraph, task: number): Iterable<number> {
  if (task >= graph.taskCount) {
    // A commit task comes after all others; a cleanup task may come at any time.
    if (task === 0xffff_ffff) for (let i = 0; i < graph.taskCount; i++) yield i;
    return;
  }
  for (let i = graph.inputOffset[task] ?? 0; i < (graph.inputOffset[task + 1] ?? 0); i++) {
    const source = graph.sourceTask[i] ?? 0;
    if (source < graph.taskCount) yield source;
  }
  for (let i = graph.orderOffset[task] ?? 0; i < (graph.orderOffset[task + 1] ?? 0); i++) {
    yield graph.orderTask[i] ?? 0;
  }
}
