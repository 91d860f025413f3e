import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, JobState } from '@spider/core';

import type { Checker } from '../observer.ts';

export const commitExcludesCleanup: Checker = {
  name: 'commit-excludes-cleanup',
  promise: 'Of a commit and a cleanup task only one succeeds, and it is that of the job’s end.',
  watch: (violated) => {
    const committed = new Set<number>();
    const cleanedUp = new Set<number>();
    return {
      journaled: ({ jobId, taskIndex, hasSucceeded }) => {
        if (!hasSucceeded) return;
        if (taskIndex === COMMIT_TASK_INDEX) committed.add(jobId);
        if (taskIndex === CLEANUP_TASK_INDEX) cleanedUp.add(jobId);
        if (committed.has(jobId) && cleanedUp.has(jobId)) {
          violated(`job ${jobId} has committed and cleaned up`);
        }
      },
      jobEnded: ({ jobId, state }) => {
        if (state === JobState.Succeeded && cleanedUp.has(jobId)) {
          violated(`job ${jobId} has succeeded, though it was cleaned up`);
        }
        if (state === JobState.Cancelled && committed.has(jobId)) {
          violated(`job ${jobId} was cancelled, though it has committed`);
        }
      },
    };
  },
};
