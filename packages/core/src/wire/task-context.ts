import { invalidArgument } from '../error.ts';
import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  type JobId,
  type ResourceGroupId,
  type TaskIndex,
  type TaskInstanceId,
} from '../id.ts';
import { MsgpackReader } from '../value/msgpack-reader.ts';
import { MsgpackWriter } from '../value/msgpack-writer.ts';
import { ValueError } from '../value/value-error.ts';

/** What a running task is told about itself: the first argument of every task. */
export interface TaskContextFields {
  readonly jobId: JobId;
  /** Its index, or `COMMIT_TASK_INDEX` or `CLEANUP_TASK_INDEX`. */
  readonly taskIndex: TaskIndex;
  readonly taskInstanceId: TaskInstanceId;
  readonly resourceGroupId: ResourceGroupId;
  /** A commit task's view of its job's outputs, as serialized outputs; no other task has any. */
  readonly outputs: Uint8Array | undefined;
}

const scratch = new MsgpackWriter(64);

const FIELDS = 5;
const TASK_INDEX_MAX = CLEANUP_TASK_INDEX - 1;

/**
 * @throws SpiderError 'invalid-argument' if there are outputs for any but a commit task, or none for
 * it.
 */
export function encodeTaskContext(context: TaskContextFields): Uint8Array {
  scratch.clear();
  appendTaskContext(scratch, context);
  return scratch.toBytes();
}

/** As `encodeTaskContext`, behind what the writer holds already. */
export function appendTaskContext(writer: MsgpackWriter, context: TaskContextFields): void {
  checkOutputs(context.taskIndex, context.outputs);
  writer.writeArrayHeader(FIELDS);
  writer.writeBigInt(context.jobId);
  writeTaskIndex(writer, context.taskIndex);
  writer.writeBigInt(context.taskInstanceId);
  writer.writeBigInt(context.resourceGroupId);
  if (context.outputs === undefined) writer.writeNil();
  else writer.writeByteArray(context.outputs);
}

/**
 * @throws SpiderError 'invalid-argument' if the bytes are no task context, or have outputs for any but
 * a commit task, or none for it.
 */
export function decodeTaskContext(bytes: Uint8Array): TaskContextFields {
  const reader = new MsgpackReader(bytes);
  const count = reader.readArrayHeader('task context');
  if (count !== FIELDS) throw new ValueError(`expected a task context of 5 fields, got ${count}`);
  const jobId = reader.readUint64('job id') as JobId;
  const taskIndex = readTaskIndex(reader);
  const taskInstanceId = reader.readUint64('task instance id') as TaskInstanceId;
  const resourceGroupId = reader.readUint64('resource group id') as ResourceGroupId;
  const outputs = reader.isNil() ? undefined : reader.readBytes();
  if (outputs === undefined) reader.readNil();
  checkOutputs(taskIndex, outputs);
  return { jobId, taskIndex, taskInstanceId, resourceGroupId, outputs };
}

function writeTaskIndex(writer: MsgpackWriter, taskIndex: TaskIndex): void {
  if (taskIndex === COMMIT_TASK_INDEX) {
    writer.writeString('Commit');
  } else if (taskIndex === CLEANUP_TASK_INDEX) {
    writer.writeString('Cleanup');
  } else {
    writer.writeMapHeader(1);
    writer.writeString('Index');
    writer.writeInt(taskIndex);
  }
}

function readTaskIndex(reader: MsgpackReader): TaskIndex {
  const isMap = reader.isMap();
  const entries = isMap ? reader.readMapHeader('task id') : 1;
  if (entries !== 1) throw new ValueError(`expected a task id, got a map of ${entries} entries`);
  const name = reader.readString();
  if (isMap && name === 'Index') return reader.readInt(0, TASK_INDEX_MAX, 'task index');
  if (!isMap && name === 'Commit') return COMMIT_TASK_INDEX;
  if (!isMap && name === 'Cleanup') return CLEANUP_TASK_INDEX;
  throw new ValueError(`expected a task id, got ${JSON.stringify(name)}`);
}

function checkOutputs(taskIndex: TaskIndex, outputs: Uint8Array | undefined): void {
  if (taskIndex === COMMIT_TASK_INDEX && outputs === undefined) {
    throw invalidArgument('the context of a commit task lacks the outputs of its job');
  }
  if (taskIndex !== COMMIT_TASK_INDEX && outputs !== undefined) {
    throw invalidArgument('only the context of a commit task has outputs');
  }
}
