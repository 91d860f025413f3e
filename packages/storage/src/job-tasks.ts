import { isFinalJobState, SpiderError } from '@spider/core';
import type { JobId, TaskState } from '@spider/core';
import type { JobCache } from './cache/job-cache.ts';
import { describeState } from './cache/job-status.ts';
import type { JobStatus } from './cache/job-status.ts';
import type { EndedTasks } from './ended-tasks.ts';
import { checkPageSize, checkStateCount, readPageToken } from './job-list.ts';
import type { PageRequest } from './job-list.ts';
import { listTasks, summarizeKinds } from './machine/task-view.ts';
import type { KindSummaries, TaskColumns, TaskView } from './machine/task-view.ts';

export interface JobDescription {
  readonly status: JobStatus;
  readonly summary: KindSummaries;
}

export interface TaskList {
  readonly tasks: readonly TaskView[];
  /** Empty after the last page. */
  readonly nextPageToken: string;
}

export interface JobTasksOptions {
  readonly cache: JobCache;
  readonly ended: EndedTasks;
  readonly status: (id: JobId) => Promise<JobStatus>;
}

/** Counts a job's tasks by function. */
export async function describeJob(id: JobId, options: JobTasksOptions): Promise<JobDescription> {
  const job = options.cache.find(id);
  const status = await options.status(id);
  if (job !== undefined) return { status, summary: job.machine.kinds() };
  const summary = options.cache.endedSummary(id);
  if (summary !== undefined) return { status, summary };
  return { status, summary: summarizeKinds(await readEnded(status, options)) };
}

/**
 * A page of a job's tasks.
 *
 * @throws SpiderError 'invalid-argument' naming the field of the page and the limit.
 */
export async function listJobTasks(
  id: JobId,
  states: readonly TaskState[],
  request: PageRequest,
  options: JobTasksOptions,
): Promise<TaskList> {
  checkStateCount(states);
  const limit = checkPageSize(request);
  const firstRow = Number(readPageToken(request, 0n));
  const job = options.cache.find(id);
  const { tasks, nextRow } =
    job === undefined
      ? listTasks(await readEnded(await options.status(id), options), states, firstRow, limit)
      : job.machine.tasks(states, firstRow, limit);
  return { tasks, nextPageToken: nextRow === undefined ? '' : String(nextRow) };
}

async function readEnded(status: JobStatus, { ended }: JobTasksOptions): Promise<TaskColumns> {
  if (isFinalJobState(status.state)) return await ended.read(status);
  throw new SpiderError('unavailable', `${describeState(status)} and not in memory just now`);
}
