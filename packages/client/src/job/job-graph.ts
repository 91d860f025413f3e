import type { NameOf, TaskSignature, Types, ValueOf } from '@spider/core';
import type { Source, Sources, Task, Values } from './value.ts';

/** Where the tasks of a job are put together; see `defineJob`. */
export interface JobGraph<Inputs extends Types = Types> {
  /** The job's inputs. */
  readonly inputs: Values<Inputs>;

  /**
   * Adds a task. Each of its inputs takes a value of the graph, or a plain value as a constant.
   *
   * @throws SpiderError 'invalid-argument' if sources and inputs differ in number or type.
   */
  task<const I extends Types, const O extends Types>(
    task: TaskSignature<I, O>,
    ...sources: Sources<I>
  ): Task<O>;

  /** As `task`, for sources whose number is known only when the job is put together. */
  taskFrom<const I extends Types, const O extends Types>(
    task: TaskSignature<I, O>,
    sources: readonly Source<ValueOf<I[number]>, NameOf<I[number]>>[],
  ): Task<O>;

  /** Names the task that runs when all others have succeeded, and reads the job's outputs. */
  commitTask(task: TaskSignature<readonly []>): void;

  /** Names the task that runs when the job was cancelled after its start. */
  cleanupTask(task: TaskSignature<readonly []>): void;
}
