import { CLEANUP_TASK_INDEX } from '@spider/core';

import type { JobSpec } from '../job-spec.ts';
import type { Checker } from '../observer.ts';
import type { RunningTask } from '../sim-executors.ts';

export const limitsKept: Checker = {
  name: 'limits-kept',
  promise:
    'No more tasks of a job, of a resource group and of a kind run at the same time than may, as long ' +
    'as storage and execution managers know of each other.',
  watch: (violated, { isCalm, limits, jobs }) => {
    // Whoever is given up runs on without counting.
    if (!isCalm) return {};
    const specs = new Map(jobs.map((spec) => [spec.name, spec]));
    const running = new Running();
    /** Of these what runs may not count any more. */
    const stopped = new Set<number>();
    const check = (what: string, count: number, limit: number | undefined): void => {
      if (limit !== undefined && limit > 0 && count > limit) {
        violated(`${count} tasks of ${what} run, and ${limit} may`);
      }
    };
    return {
      taskStarted: (task) => {
        const spec = specs.get(task.packageName);
        if (spec === undefined || task.taskIndex >= CLEANUP_TASK_INDEX) return;
        running.add(task);
        check(`job ${task.jobId}`, running.count(isOfJob(task)), spec.maxConcurrency);
        const counts = (other: RunningTask): boolean => !stopped.has(other.jobId);
        const groupOf = ({ packageName }: RunningTask): number | undefined =>
          specs.get(packageName)?.group;
        const inGroup = running.count((other) => counts(other) && groupOf(other) === spec.group);
        check(`group ${spec.group}`, inGroup, limits.groups[spec.group]);
        const kind = kindOf(task);
        const ofKind = running.count((other) => counts(other) && kindOf(other) === kind);
        check(`kind ${kind}`, ofKind, limits.kinds[kind]);
      },
      taskEnded: (task, end) => {
        running.remove(task);
        if (end !== 'succeeded' || mayBeStopped(specs.get(task.packageName))) {
          stopped.add(task.jobId);
        }
      },
      jobSubmitted: ({ jobId, spec }) => {
        if (mayBeStopped(spec)) stopped.add(jobId);
      },
    };
  },
};

const mayBeStopped = (spec: JobSpec | undefined): boolean =>
  spec?.cancelAtMs !== undefined || spec?.deadlineMs !== undefined;

const kindOf = ({ packageName, functionName }: RunningTask): string =>
  `${packageName}/${functionName}`;

const isOfJob =
  ({ jobId }: RunningTask) =>
  (other: RunningTask): boolean =>
    other.jobId === jobId;

/** Tasks of which at least one instance runs. */
class Running {
  readonly #instances = new Map<string, Set<RunningTask>>();

  add(task: RunningTask): void {
    const instances = this.#instances.get(keyOf(task)) ?? new Set();
    this.#instances.set(keyOf(task), instances.add(task));
  }

  remove(task: RunningTask): void {
    const instances = this.#instances.get(keyOf(task));
    instances?.delete(task);
    if (instances?.size === 0) this.#instances.delete(keyOf(task));
  }

  count(isCounted: (task: RunningTask) => boolean): number {
    let count = 0;
    for (const [first] of this.#instances.values()) {
      if (first !== undefined && isCounted(first)) count += 1;
    }
    return count;
  }
}

const keyOf = ({ jobId, taskIndex }: RunningTask): string => `${jobId}/${taskIndex}`;
