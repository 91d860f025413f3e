import type { StorageConfig } from './config.ts';
import type { JobMachineOptions } from './machine/job-machine.ts';

/** What the configuration says to every job. */
export type JobRules = Required<Pick<JobMachineOptions, 'limitedKinds' | 'limits'>>;

export const toJobRules = ({ runtime: { concurrency, limits } }: StorageConfig): JobRules => ({
  limitedKinds: new Set(Object.keys(concurrency.task_kinds)),
  limits: {
    outputBytes: limits.job_output_bytes,
    taskErrors: limits.task_errors_per_job,
    waitingRequests: limits.requests_per_job,
  },
});
