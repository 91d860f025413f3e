import { jobStateName, SpiderError } from '@spider/core';
import type { JobStatus } from './job-status.ts';
import type { TaskStatus } from './job-tasks.ts';

/** Tasks that the error of a failed job lists. */
export const LISTED_FAILURES = 10;

/** A job has failed, and outputs were expected of it. Its code is 'failed-precondition'. */
export class JobFailedError extends SpiderError {
  override readonly name = 'JobFailedError';
  /** How the job ended: with how many tasks that failed, and that were skipped. */
  readonly status: JobStatus;
  /** The first tasks that failed, at most ten; none if that is not known, as without a journal. */
  readonly failedTasks: readonly TaskStatus[];

  constructor(status: JobStatus, failedTasks: readonly TaskStatus[]) {
    super('failed-precondition', describe(status, failedTasks));
    this.status = status;
    this.failedTasks = failedTasks;
  }
}

function describe(status: JobStatus, listed: readonly TaskStatus[]): string {
  const { jobId, state, errorMessage = 'no reason given', failedTasks, skippedTasks } = status;
  const names = listed.map(
    ({ taskIndex, packageName, functionName }) => `${taskIndex} (${packageName} ${functionName})`,
  );
  const rest = failedTasks - listed.length;
  if (listed.length > 0 && rest > 0) names.push(`${rest} more`);
  const failed = names.length === 0 ? '' : `; tasks that failed: ${names.join(', ')}`;
  const skipped = skippedTasks === 0 ? '' : `; skipped because of them: ${skippedTasks}`;
  const what = `job ${jobId} has no outputs, it is ${jobStateName(state)}`;
  return `${what}: ${errorMessage}${failed}${skipped}`;
}
