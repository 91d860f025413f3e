import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, EMPTY_FRAME } from '@spider/core';

import type { JobSpec } from './job-spec.ts';
import type { Observer } from './observer.ts';
import type { Run, RunningTask, TaskAuthor, TaskEnd } from './sim-executors.ts';
import { runFunction } from './task-values.ts';

const SUCCEED_AT_ONCE: Run = { durationMs: 1, end: 'succeed' };

/** Lets the tasks of all jobs go as their specifications say, run after run. */
export class TaskScript implements TaskAuthor {
  readonly #specs: ReadonlyMap<string, JobSpec>;
  readonly #observer: Required<Observer>;
  readonly #starts = new Map<string, number>();
  readonly #trace: (text: string) => void;
  readonly #nowMs: () => number;

  constructor(
    specs: readonly JobSpec[],
    observer: Required<Observer>,
    trace: (text: string) => void,
    nowMs: () => number,
  ) {
    this.#nowMs = nowMs;
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.#observer = observer;
    this.#trace = trace;
  }

  started(task: RunningTask): Run {
    this.#trace(`${task.executionManager.name} starts ${nameOf(task)}`);
    this.#observer.taskStarted(task);
    const key = `${task.jobId}/${task.taskIndex}`;
    const earlier = this.#starts.get(key) ?? 0;
    this.#starts.set(key, earlier + 1);
    const spec = this.#specs.get(task.packageName);
    const runs = spec?.runs[positionOf(task.taskIndex, spec.graph.taskCount)];
    return runs?.[earlier] ?? SUCCEED_AT_ONCE;
  }

  ended(task: RunningTask, end: TaskEnd | 'killed'): void {
    this.#trace(`${task.executionManager.name} ends ${nameOf(task)}: ${end}`);
    this.#observer.taskEnded(task, end, this.#nowMs());
  }

  outputs({ functionName, inputs, taskIndex }: RunningTask): Uint8Array {
    const isTermination = taskIndex === COMMIT_TASK_INDEX || taskIndex === CLEANUP_TASK_INDEX;
    return isTermination ? EMPTY_FRAME : runFunction(functionName, inputs);
  }
}

function positionOf(taskIndex: number, taskCount: number): number {
  if (taskIndex === COMMIT_TASK_INDEX) return taskCount;
  return taskIndex === CLEANUP_TASK_INDEX ? taskCount + 1 : taskIndex;
}

const nameOf = ({ jobId, taskIndex, instance }: RunningTask): string =>
  `${jobId}/${taskIndex} as ${instance}`;
