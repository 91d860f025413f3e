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
} from '@spider/core';
import { TaskError } from './task-error.ts';
import type { TaskHost } from './task-host.ts';
import { createTaskLogger, type TaskLogger } from './task-logger.ts';

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
  readonly logger: TaskLogger;

  /**
   * Aborts when the result is not wanted any more, and shortly before the hard timeout; the process
   * is ended some time after. Only a task that awaits something can notice.
   */
  readonly signal: AbortSignal;

  /**
   * In a commit task: the outputs of its job, in order. They are decoded when asked for.
   *
   * @throws TaskError in any other task.
   */
  outputs(): readonly JobOutput[];
}

/** @throws SpiderError 'invalid-argument' if the bytes are no task context. */
export function createTaskContext(bytes: Uint8Array, host: TaskHost): TaskContext {
  return new DecodedTaskContext(decodeTaskContext(bytes), host);
}

class DecodedTaskContext implements TaskContext {
  readonly #fields: TaskContextFields;
  readonly #host: TaskHost;
  readonly #taskNumber: number;
  #outputs: readonly JobOutput[] | undefined;
  #logger: TaskLogger | undefined;
  #signal: AbortSignal | undefined;

  constructor(fields: TaskContextFields, host: TaskHost) {
    this.#fields = fields;
    this.#host = host;
    this.#taskNumber = host.taskNumber ?? 0;
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

  get logger(): TaskLogger {
    this.#logger ??= createTaskLogger(this.#fields, this.#host);
    return this.#logger;
  }

  get signal(): AbortSignal {
    this.#signal ??= this.#createSignal();
    return this.#signal;
  }

  outputs(): readonly JobOutput[] {
    if (this.#outputs !== undefined) return this.#outputs;
    if (this.#fields.outputs === undefined) {
      throw new TaskError(`a ${this.role} task has no job outputs: only a commit task has`);
    }
    const frame = decodeSerializedOutputs(this.#fields.outputs, this.#host.zstd);
    this.#outputs = decodeFrame(frame).map((bytes) => ({
      bytes,
      as: (type) => decodeValue(type, bytes),
    }));
    return this.#outputs;
  }

  /** It costs more than a quick task, so that only a task that asks for it gets one. */
  #createSignal(): AbortSignal {
    const controller = new AbortController();
    this.#host.onStop?.(this.#taskNumber, (reason) => controller.abort(new TaskError(reason)));
    return controller.signal;
  }
}
