import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  decodeFrame,
  decodeSerializedOutputs,
  decodeTaskContext,
  decodeValue,
  type JobId,
  type ResourceGroupId,
  type TaskContextFields,
  type TaskIndex,
  type TaskInstanceId,
  type Type,
  type Zstd,
} from '@spider/core';
import { TaskError } from './task-error.ts';

/** A commit task runs after all regular tasks succeeded, a cleanup task after a cancellation. */
export type TaskRole = 'regular' | 'commit' | 'cleanup';

/** One output of the job, not yet decoded. */
export interface JobOutput {
  /** Its MessagePack form. */
  readonly bytes: Uint8Array;
  /** @throws ValueError if the output is not of that type. */
  as<T>(type: Type<T>): T;
}

/** What a running task knows about itself. */
export interface TaskContext {
  readonly role: TaskRole;
  readonly jobId: JobId;
  /** The task's position in its job's graph; for a commit or cleanup task a number beyond any. */
  readonly taskIndex: TaskIndex;
  /** This attempt at the task. No two attempts have the same. */
  readonly taskInstanceId: TaskInstanceId;
  readonly resourceGroupId: ResourceGroupId;

  /**
   * In a commit task: the outputs of its job, in order. They are decoded when asked for.
   *
   * @throws TaskError in any other task.
   */
  outputs(): readonly JobOutput[];
}

/** @throws SpiderError 'invalid-argument' if the bytes are no task context. */
export function createTaskContext(bytes: Uint8Array, zstd: Zstd): TaskContext {
  return new DecodedTaskContext(decodeTaskContext(bytes), zstd);
}

class DecodedTaskContext implements TaskContext {
  readonly #fields: TaskContextFields;
  readonly #zstd: Zstd;
  #outputs: readonly JobOutput[] | undefined;

  constructor(fields: TaskContextFields, zstd: Zstd) {
    this.#fields = fields;
    this.#zstd = zstd;
  }

  get role(): TaskRole {
    if (this.#fields.taskIndex === COMMIT_TASK_INDEX) return 'commit';
    return this.#fields.taskIndex === CLEANUP_TASK_INDEX ? 'cleanup' : 'regular';
  }

  get jobId(): JobId {
    return this.#fields.jobId;
  }

  get taskIndex(): TaskIndex {
    return this.#fields.taskIndex;
  }

  get taskInstanceId(): TaskInstanceId {
    return this.#fields.taskInstanceId;
  }

  get resourceGroupId(): ResourceGroupId {
    return this.#fields.resourceGroupId;
  }

  outputs(): readonly JobOutput[] {
    if (this.#outputs !== undefined) return this.#outputs;
    if (this.#fields.outputs === undefined) {
      throw new TaskError(`a ${this.role} task has no job outputs: only a commit task has`);
    }
    const frame = decodeSerializedOutputs(this.#fields.outputs, this.#zstd);
    this.#outputs = decodeFrame(frame).map((bytes) => ({
      bytes,
      as: (type) => decodeValue(type, bytes),
    }));
    return this.#outputs;
  }
}
