import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  DEFAULT_EXECUTION_POLICY,
  JobState,
} from '@spider/core';
import type { ExecutionPolicy } from '@spider/core';

import type { JobSpec } from '../job-spec.ts';
import type { Checker } from '../observer.ts';

export const retriesKept: Checker = {
  name: 'retries-kept',
  promise:
    'A task fails no more often than its retries allow, and a job fails only by a task that has ' +
    'used them up.',
  watch: (violated, { durability }) => {
    const failures = new Map<number, Map<number, number>>();
    const count = (jobId: number, taskIndex: number): void => {
      const ofJob = failures.get(jobId) ?? new Map<number, number>();
      failures.set(jobId, ofJob);
      ofJob.set(taskIndex, (ofJob.get(taskIndex) ?? 0) + 1);
    };
    return {
      journaled: ({ jobId, taskIndex, hasSucceeded }) => {
        if (!hasSucceeded) count(jobId, taskIndex);
      },
      taskEnded: ({ jobId, taskIndex }, end) => {
        // Without a journal the runs that did not succeed are all there is to count.
        if (durability === 'job' && end !== 'succeeded') count(jobId, taskIndex);
      },
      jobEnded: ({ jobId, spec, state, errorMessage }) => {
        let isUsedUp = false;
        for (const [task, failed] of failures.get(jobId) ?? []) {
          const { maxRetries } = policyOf(spec, task);
          if (failed > maxRetries + 1 && durability !== 'job') {
            violated(`task ${jobId}/${task} has failed ${failed} times with ${maxRetries} retries`);
          }
          isUsedUp ||= failed > maxRetries;
        }
        if (state === JobState.Failed && !isUsedUp) {
          violated(`job ${jobId} has failed with retries left: ${errorMessage}`);
        }
      },
    };
  },
};

function policyOf({ graph }: JobSpec, task: number): ExecutionPolicy {
  if (task === COMMIT_TASK_INDEX) return graph.commitTask?.policy ?? DEFAULT_EXECUTION_POLICY;
  if (task === CLEANUP_TASK_INDEX) return graph.cleanupTask?.policy ?? DEFAULT_EXECUTION_POLICY;
  return graph.kinds[graph.taskKind[task] ?? 0]?.policy ?? DEFAULT_EXECUTION_POLICY;
}
