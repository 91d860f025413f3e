import {
  appendValues,
  EMPTY_FRAME,
  MsgpackReader,
  MsgpackWriter,
  readValues,
  type TdlError,
} from '@spider/core';
import { createTaskContext, type TaskContext } from './task-context.ts';
import type { TaskDefinition } from './task-definition.ts';
import { describeError } from './describe-error.ts';
import { TaskError } from './task-error.ts';
import type { TaskHost } from './task-host.ts';

/** The wire frame of the outputs, or why there is none. */
export type TaskResult = Uint8Array | TaskFailure;

export interface TaskFailure {
  readonly error: TdlError;
  /** Whether trying again is pointless. */
  readonly isFinal: boolean;
}

const reader = new MsgpackReader();
const writer = new MsgpackWriter(1024);

/**
 * Runs a task from the bytes of its context and inputs to those of its outputs. There is a promise only
 * if the task returns one. Never throws: whatever goes wrong is the result.
 */
export function executeTask(
  task: TaskDefinition,
  contextBytes: Uint8Array,
  inputsFrame: Uint8Array,
  host: TaskHost,
): TaskResult | Promise<TaskResult> {
  let context: TaskContext;
  try {
    context = createTaskContext(contextBytes, host);
  } catch (error) {
    return failure('InvalidTaskContext', error, true);
  }
  let inputs: unknown[];
  try {
    // The reference's storage gives a cleanup task no bytes at all.
    const frame = inputsFrame.length === 0 ? EMPTY_FRAME : inputsFrame;
    inputs = readValues(reader, task.inputs, frame, 'input');
  } catch (error) {
    return failure('DeserializationError', error, true);
  }
  try {
    const returned: unknown = task.run(context, ...inputs);
    if (!isPromiseLike(returned)) return encodeOutputs(task, returned);
    return Promise.resolve(returned).then((value) => encodeOutputs(task, value), runFailure);
  } catch (error) {
    return runFailure(error);
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return 'then' in value && typeof value.then === 'function';
}

function encodeOutputs(task: TaskDefinition, returned: unknown): TaskResult {
  const { outputs } = task;
  if (outputs.length === 0) return EMPTY_FRAME;
  try {
    const values = outputs.length === 1 ? [returned] : returned;
    if (!Array.isArray(values)) {
      throw new TypeError(`expected an array of ${outputs.length} outputs, got ${typeof values}`);
    }
    writer.clear();
    appendValues(writer, outputs, values, 'output');
    return writer.toBytes();
  } catch (error) {
    return failure('SerializationError', error, false);
  }
}

function runFailure(error: unknown): TaskFailure {
  return failure('ExecutionError', error, error instanceof TaskError && !error.retry);
}

function failure(kind: TdlError['kind'], error: unknown, isFinal: boolean): TaskFailure {
  return { error: { kind, message: describeError(error) }, isFinal };
}
