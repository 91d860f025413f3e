// Connecting, submitting, waiting.
export { connect, SpiderClient } from './spider-client.ts';
export type { ConnectOptions, SubmitOptions } from './spider-client.ts';
export type {
  CancelOptions,
  JobHandle,
  RequestOptions,
  RetryOptions,
  WaitOptions,
  WatchOptions,
} from './job-handle.ts';
export { JobFailedError } from './job-failed-error.ts';
export type { JobFilter, ListOptions } from './list-jobs.ts';
export type { JobPolicyOptions } from './job-policy.ts';
export type { JobStatus } from './job-status.ts';
export type {
  JobDescription,
  ListTasksOptions,
  TaskCounts,
  TaskKindStatus,
  TaskStatus,
} from './job-tasks.ts';
export type { TaskLogLine, TaskLogOptions } from './task-log.ts';

// The processes behind them.
export type {
  Cluster,
  ExecutionManagerStatus,
  ListExecutionManagersOptions,
  QueueDepth,
  Queues,
  SchedulerStatus,
  ServerInfo,
  ServerStatus,
} from './cluster.ts';

// Putting jobs together.
export { defineJob } from './job/define-job.ts';
export type { ChosenOutputs, JobDefinition, OutputValues } from './job/define-job.ts';
export { externalTask, type ExternalTaskOptions } from './job/external-task.ts';
export type { JobGraph } from './job/job-graph.ts';
export type { Position, Source, Sources, Task, TaskHandle, Value, Values } from './job/value.ts';
export { withPolicy } from './job/with-policy.ts';

// What the other names speak of.
export type { ClientTls } from '@spider/runtime';
export {
  boolean,
  bytes,
  type Durability,
  type FailurePolicy,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  type JobId,
  JobState,
  jobStateName,
  list,
  map,
  optional,
  parseId,
  shared,
  SpiderError,
  type SpiderErrorCode,
  string,
  struct,
  type ExecutionManagerId,
  type TaskPolicyOptions,
  type TaskSignature,
  TaskState,
  taskStateName,
  type Type,
  type ValueOf,
} from '@spider/core';

// Showing progress.
export { formatDuration, formatProgress, formatProgressBar } from './progress/format-progress.ts';
export { ProgressMeter } from './progress/progress-meter.ts';
export type { ProgressReading } from './progress/progress-meter.ts';
export { showProgress } from './progress/show-progress.ts';
export type { ProgressOutput } from './progress/show-progress.ts';
