import type { Checker } from '../observer.ts';
import { policyOf } from '../task-policy.ts';

/** After its soft timeout a task may run once more, whatever its policy says. */
const SLOW_INSTANCES = 2;

export const instancesLimited: Checker = {
  name: 'instances-limited',
  promise:
    'A task runs no more often at the same time than its policy allows, or twice when its soft ' +
    'timeout has passed, as long as storage and execution managers know of each other.',
  watch: (violated, { isCalm, jobs }) => {
    // Whoever is given up runs on without counting.
    if (!isCalm) return {};
    const specs = new Map(jobs.map((spec) => [spec.name, spec]));
    const running = new Map<string, number>();
    return {
      taskStarted: ({ jobId, taskIndex, packageName }) => {
        const spec = specs.get(packageName);
        if (spec === undefined) return;
        const task = `${jobId}/${taskIndex}`;
        const count = (running.get(task) ?? 0) + 1;
        running.set(task, count);
        const limit = Math.max(policyOf(spec, taskIndex).maxInstances, SLOW_INSTANCES);
        if (count > limit) violated(`task ${task} runs ${count} times at once, ${limit} may`);
      },
      taskEnded: ({ jobId, taskIndex }) => {
        const task = `${jobId}/${taskIndex}`;
        running.set(task, (running.get(task) ?? 1) - 1);
      },
    };
  },
};
