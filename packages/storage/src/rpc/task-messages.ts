import { create } from '@bufbuild/protobuf';
import { invalidArgument, TaskState } from '@spider/core';
import {
  fromWireTaskState,
  TaskCountsSchema,
  TaskKindCountsSchema,
  TaskStatusSchema,
  toWireTaskState,
} from '@spider/proto';
import type { TaskCounts, TaskKindCounts, TaskStatus } from '@spider/proto';
import type { KindSummary, TaskView } from '../machine/task-view.ts';
import { UNKNOWN_STATE } from '../machine/task-view.ts';

/** @throws SpiderError 'invalid-argument' if a state does not exist. */
export function checkTaskStates(states: readonly number[]): TaskState[] {
  return states.map((number) => {
    const state = fromWireTaskState(number);
    if (state === undefined) {
      throw invalidArgument(`states: no task state has the number ${number}`);
    }
    return state;
  });
}

export const toTaskStatus = (task: TaskView): TaskStatus =>
  create(TaskStatusSchema, {
    taskIndex: task.taskIndex,
    package: task.packageName,
    function: task.functionName,
    state: toWireTaskState(task.state),
    attempts: task.attempts,
    lastError: task.lastError ?? '',
    executionManagerId: BigInt(task.executionManager),
    startedAtMs: BigInt(task.startedAt ?? 0),
    elapsedUs: task.elapsedUs,
  });

export const toKindCounts = (kind: KindSummary): TaskKindCounts =>
  create(TaskKindCountsSchema, {
    package: kind.packageName,
    function: kind.functionName,
    tasks: toTaskCounts(kind.counts),
    timedSuccesses: kind.timedSuccesses,
    meanElapsedUs: BigInt(kind.meanElapsedUs),
    maxElapsedUs: kind.maxElapsedUs,
  });

export function toTaskCounts(counts: Uint32Array): TaskCounts {
  const count = (state: number): number => counts[state] ?? 0;
  return create(TaskCountsSchema, {
    pending: count(TaskState.Pending),
    ready: count(TaskState.Ready),
    running: count(TaskState.Running),
    succeeded: count(TaskState.Succeeded),
    failed: count(TaskState.Failed),
    cancelled: count(TaskState.Cancelled),
    skipped: count(TaskState.Skipped),
    unknown: count(UNKNOWN_STATE),
  });
}
