import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  decodeValues,
  EMPTY_FRAME,
  encodeTaskContext,
  encodeValues,
  formatExecutorError,
  type TaskIndex,
  toId,
  type Types,
  type ValuesOf,
  type Zstd,
} from '@spider/core';
import { executeTask } from './execute-task.ts';
import type { TaskDefinition, TaskReturn } from './task-definition.ts';
import { TaskError } from './task-error.ts';

/**
 * Runs a task in this process as an executor would: its inputs, context and outputs pass through the
 * bytes that travel between processes.
 *
 * @throws TaskError if the task fails, with what would become of its error.
 */
export async function runTask<Inputs extends Types, Outputs extends Types>(
  task: TaskDefinition<Inputs, Outputs>,
  ...inputs: ValuesOf<Inputs>
): Promise<TaskReturn<Outputs>> {
  return run(task, encodeValues(task.inputs, inputs, 'input'), 0, undefined);
}

/** As `runTask` for a commit task, to which a job with these outputs is presented. */
export async function runCommitTask<JobOutputs extends Types>(
  task: TaskDefinition<readonly []>,
  types: JobOutputs,
  ...jobOutputs: ValuesOf<JobOutputs>
): Promise<void> {
  const frame = encodeValues(types, jobOutputs, 'job output');
  await run(task, EMPTY_FRAME, COMMIT_TASK_INDEX, Uint8Array.of(0, ...frame));
}

/** As `runTask` for a cleanup task. */
export async function runCleanupTask(task: TaskDefinition<readonly []>): Promise<void> {
  await run(task, EMPTY_FRAME, CLEANUP_TASK_INDEX, undefined);
}

async function run<Outputs extends Types>(
  task: TaskDefinition<Types, Outputs>,
  inputs: Uint8Array,
  taskIndex: TaskIndex,
  outputs: Uint8Array | undefined,
): Promise<TaskReturn<Outputs>> {
  const context = encodeTaskContext({
    jobId: toId(1),
    taskIndex,
    taskInstanceId: toId(1),
    resourceGroupId: toId(1),
    outputs,
  });
  const result = await executeTask(task, context, inputs, { zstd: neverCompressed });
  if (!(result instanceof Uint8Array)) {
    const message = formatExecutorError({ kind: 'TaskError', error: result.error });
    throw new TaskError(message, { retry: !result.isFinal });
  }
  const values: readonly unknown[] = decodeValues(task.outputs, result, 'output');
  return (task.outputs.length > 1 ? values : values[0]) as TaskReturn<Outputs>;
}

const neverCompressed: Zstd = {
  compress: () => {
    throw new TypeError('nothing is compressed here');
  },
  decompress: () => {
    throw new TypeError('nothing is compressed here');
  },
};
