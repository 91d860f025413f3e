import type { Checker } from '../observer.ts';

export const acceptedOnce: Checker = {
  name: 'accepted-once',
  promise: 'The outputs of a task are accepted once: its journal has one success at most.',
  watch: (violated) => {
    const succeeded = new Set<string>();
    return {
      journaled: ({ jobId, taskIndex, hasSucceeded }) => {
        const task = `${jobId}/${taskIndex}`;
        if (!hasSucceeded) return;
        if (succeeded.has(task)) violated(`task ${task} is in the journal as succeeded twice`);
        succeeded.add(task);
      },
    };
  },
};
