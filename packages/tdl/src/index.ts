// For authors of tasks.
export { definePackage, type TaskPackage, type TaskPackageOptions } from './task-package.ts';
export {
  defineTask,
  type TaskDefinition,
  type TaskOptions,
  type TaskReturn,
} from './task-definition.ts';
export type { JobOutput, TaskContext, TaskRole } from './task-context.ts';
export type { TaskLogger } from './task-logger.ts';
export { TaskError, type TaskErrorOptions } from './task-error.ts';
export { repeat, tuple } from './repeat.ts';
export {
  boolean,
  bytes,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  list,
  map,
  optional,
  shared,
  string,
  struct,
  type TaskPolicyOptions,
  type Type,
  type ValueOf,
} from '@spider/core';

// For executors.
export { checkPackageName, taskPackageEntry, type TaskPackageEntry } from './task-package.ts';
export type { TaskHost, TaskLogLevel } from './task-host.ts';
export { describeError } from './describe-error.ts';
export type { TaskFailure, TaskResult } from './execute-task.ts';
export { isCompatible, TDL_VERSION } from './version.ts';
