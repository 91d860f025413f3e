import { JobState } from '@spider/core';

import type { Checker } from '../observer.ts';
import { policyOf } from '../task-policy.ts';

export const retriesKept: Checker = {
  name: 'retries-kept',
  promise:
    'A task fails no more often than its retries allow, and a job fails only by a task that has ' +
    'used them up, or by its deadline.',
  watch: (violated) => {
    const journaled = new Counts();
    const runs = new Counts();
    return {
      journaled: ({ jobId, taskIndex, hasSucceeded }) => {
        if (!hasSucceeded) journaled.add(jobId, taskIndex);
      },
      taskEnded: ({ jobId, taskIndex }, end) => {
        if (end !== 'succeeded') runs.add(jobId, taskIndex);
      },
      jobEnded: ({ jobId, spec, state, errorMessage }) => {
        for (const [task, failures] of journaled.of(jobId)) {
          const { maxRetries } = policyOf(spec, task);
          if (failures <= maxRetries + 1) continue;
          violated(`task ${jobId}/${task} has failed ${failures} times with ${maxRetries} retries`);
        }
        // Without a journal the runs that did not succeed are all there is to count.
        const failed = spec.durability === 'job' ? runs : journaled;
        const isUsedUp = failed
          .of(jobId)
          .some(([task, failures]) => failures > policyOf(spec, task).maxRetries);
        if (state === JobState.Failed && !isUsedUp && spec.deadlineMs === undefined) {
          violated(`job ${jobId} has failed with retries left: ${errorMessage}`);
        }
      },
    };
  },
};

/** Numbers by job and task. */
class Counts {
  readonly #jobs = new Map<number, Map<number, number>>();

  add(jobId: number, taskIndex: number): void {
    const tasks = this.#jobs.get(jobId) ?? new Map<number, number>();
    this.#jobs.set(jobId, tasks);
    tasks.set(taskIndex, (tasks.get(taskIndex) ?? 0) + 1);
  }

  of(jobId: number): readonly (readonly [number, number])[] {
    return [...(this.#jobs.get(jobId) ?? [])];
  }
}
