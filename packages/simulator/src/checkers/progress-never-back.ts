import type { Checker } from '../observer.ts';

export const progressNeverBack: Checker = {
  name: 'progress-never-back',
  promise: 'The number of a job’s flushed tasks that a user is told never goes backwards.',
  watch: (violated) => {
    const flushedTasks = new Map<number, number>();
    return {
      progressSeen: (jobId, flushed) => {
        const before = flushedTasks.get(jobId) ?? 0;
        if (flushed < before)
          violated(`job ${jobId} went from ${before} flushed tasks to ${flushed}`);
        flushedTasks.set(jobId, flushed);
      },
    };
  },
};
