import type { Checker, SeenJob } from '../observer.ts';
import { parentsOf } from '../task-parents.ts';

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
