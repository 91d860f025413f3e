import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, JobState } from '@spider/core';

import type { Checker } from '../observer.ts';

export const commitExcludesCleanup: Checker = {
  name: 'commit-excludes-cleanup',
  promise:
    'A job with a commit task succeeds only by that, and one with a cleanup task is cancelled only ' +
    'by that; none is cancelled unasked, and of the two only one is accepted.',
  watch: (violated) => {
    const ended = new Set<string>();
    const accepted = new Set<string>();
    return {
      taskEnded: ({ packageName, taskIndex }, end) => {
        if (end === 'succeeded') ended.add(`${packageName}/${taskIndex}`);
      },
      journaled: ({ jobId, taskIndex, hasSucceeded }) => {
        if (hasSucceeded) accepted.add(`${jobId}/${taskIndex}`);
        const both = [COMMIT_TASK_INDEX, CLEANUP_TASK_INDEX];
        if (both.every((index) => accepted.has(`${jobId}/${index}`))) {
          violated(`job ${jobId} has committed and was cleaned up`);
        }
      },
      jobEnded: ({ jobId, spec: { name, graph, cancelAtMs }, state }) => {
        const hasEnded = (index: number): boolean => ended.has(`${name}/${index}`);
        if (state === JobState.Cancelled && cancelAtMs === undefined) {
          violated(`job ${jobId} was cancelled, though nobody had asked for it`);
        }
        if (state !== JobState.Succeeded) return;
        if (graph.commitTask !== undefined && !hasEnded(COMMIT_TASK_INDEX)) {
          violated(`job ${jobId} has succeeded without its commit task`);
        }
      },
    };
  },
};
