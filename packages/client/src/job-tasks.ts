import {
  type ExecutionManagerId,
  type JobId,
  SpiderError,
  type TaskState,
  type TimestampMs,
  timestampMs,
  toId,
} from '@spider/core';
import {
  type DescribeJobResponse,
  fromWireTaskState,
  type TaskCounts as WireTaskCounts,
  type TaskStatus as WireTaskStatus,
  toWireTaskState,
} from '@spider/proto';
import type { JobServiceCaller } from './job-service-caller.ts';
import { fromWireJobStatus, type JobStatus } from './job-status.ts';
import { READ_ROUNDS } from './read-rounds.ts';

/** Tasks by their state. */
export interface TaskCounts {
  /** Some task that they depend on has not succeeded. */
  readonly pending: number;
  readonly ready: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
  /** The job ended without them. */
  readonly cancelled: number;
  /** They depend on a task that failed, in a job that goes on without them. */
  readonly skipped: number;
  /** Their states are not known any more, as of all tasks of a job that was cancelled long ago. */
  readonly unknown: number;
}

/** The tasks of one function. */
export interface TaskKindStatus {
  readonly packageName: string;
  readonly functionName: string;
  readonly tasks: TaskCounts;
  /** Successes whose time is known; none of a job that succeeded or was cancelled long ago. */
  readonly timedSuccesses: number;
  /** Undefined if no time is known. */
  readonly meanElapsedUs: number | undefined;
  readonly maxElapsedUs: number | undefined;
}

export interface JobDescription {
  readonly status: JobStatus;
  /** Tasks of the graph; a commit or cleanup task does not count. */
  readonly tasks: TaskCounts;
  /** By function, at most 4,096, those with the most tasks first. */
  readonly kinds: readonly TaskKindStatus[];
  /** Functions beyond that number. */
  readonly omittedKinds: number;
}

/** One task of a job. */
export interface TaskStatus {
  /** Its position in the task graph; COMMIT_TASK_INDEX or CLEANUP_TASK_INDEX. */
  readonly taskIndex: number;
  readonly packageName: string;
  readonly functionName: string;
  /** One of `TaskState`; undefined if it is not known any more, as of a job that was cancelled. */
  readonly state: TaskState | undefined;
  /** Attempts that succeeded or failed; of a job that has succeeded they are not known any more. */
  readonly attempts: number;
  /** Why the last failed attempt failed, cut to 1,024 characters. */
  readonly lastError: string | undefined;
  /** The execution manager that runs the task, or that ended its last attempt. */
  readonly executionManagerId: ExecutionManagerId | undefined;
  /** When the last attempt that has ended started, and how long it took. */
  readonly startedAtMs: TimestampMs | undefined;
  readonly elapsedUs: number | undefined;
}

export interface ListTasksOptions {
  /** Tasks in one of these states. Default: in any. */
  readonly states?: readonly TaskState[];
  /** How many are fetched at a time, at most 1,000. Default: 100. */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

/** The tasks of a job by ascending index, fetched page by page as they are asked for. */
export async function* listTasks(
  caller: JobServiceCaller,
  jobId: JobId,
  { states = [], pageSize = 0, signal }: ListTasksOptions,
): AsyncGenerator<TaskStatus, void> {
  for (let pageToken = ''; ;) {
    const request = { jobId, states: states.map(toWireTaskState), pageSize, pageToken };
    const { tasks, nextPageToken } = await caller.call(
      (client, call) => client.listTasks(request, call),
      { maxRounds: READ_ROUNDS, signal },
    );
    for (const task of tasks) yield fromWireTaskStatus(task);
    if (nextPageToken === '') return;
    pageToken = nextPageToken;
  }
}

/** @throws SpiderError 'internal' if the server left something out. */
export function fromWireDescription(response: DescribeJobResponse): JobDescription {
  return {
    status: fromWireJobStatus(response.status),
    tasks: fromWireCounts(response.tasks),
    kinds: response.kinds.map((kind) => {
      const isTimed = kind.timedSuccesses > 0;
      return {
        packageName: kind.package,
        functionName: kind.function,
        tasks: fromWireCounts(kind.tasks),
        timedSuccesses: kind.timedSuccesses,
        meanElapsedUs: isTimed ? Number(kind.meanElapsedUs) : undefined,
        maxElapsedUs: isTimed ? kind.maxElapsedUs : undefined,
      };
    }),
    omittedKinds: response.omittedKinds,
  };
}

function fromWireCounts(counts: WireTaskCounts | undefined): TaskCounts {
  if (counts === undefined) throw new SpiderError('internal', 'the server sent no task counts');
  const { pending, ready, running, succeeded, failed, cancelled, skipped, unknown } = counts;
  return { pending, ready, running, succeeded, failed, cancelled, skipped, unknown };
}

function fromWireTaskStatus(task: WireTaskStatus): TaskStatus {
  const hasRun = task.startedAtMs !== 0n;
  return {
    taskIndex: task.taskIndex,
    packageName: task.package,
    functionName: task.function,
    state: fromWireTaskState(task.state),
    attempts: task.attempts,
    lastError: task.lastError === '' ? undefined : task.lastError,
    executionManagerId: task.executionManagerId === 0n ? undefined : toId(task.executionManagerId),
    startedAtMs: hasRun ? timestampMs(Number(task.startedAtMs)) : undefined,
    elapsedUs: hasRun ? task.elapsedUs : undefined,
  };
}
