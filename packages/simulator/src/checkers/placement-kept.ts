import type { JobSpec } from '../job-spec.ts';
import type { Checker } from '../observer.ts';

export const placementKept: Checker = {
  name: 'placement-kept',
  promise:
    'A task runs only where all labels are that its job requires, and its resource group is served.',
  watch: (violated, { machines }) => {
    const specs = new Map<string, JobSpec>();
    return {
      jobSubmitted: ({ spec }) => void specs.set(spec.name, spec),
      taskStarted: ({ packageName, jobId, taskIndex, executionManager: { name } }) => {
        const spec = specs.get(packageName);
        const machine = machines[Number(/^em-(\d+)#/.exec(name)?.[1]) - 1];
        if (spec === undefined || machine === undefined) return;
        const { labels, groups } = machine;
        const isServed = groups.length === 0 || groups.includes(spec.group);
        const required = Object.entries(spec.requires);
        if (isServed && required.every(([key, value]) => labels[key] === value)) return;
        violated(`task ${jobId}/${taskIndex} runs on ${name}, which may not run it`);
      },
    };
  },
};
