import { TaskState } from '@spider/core';
import { ContextsWriter } from './contexts-writer.ts';
import type { JobControlBlock } from './job-control-block.ts';
import { LeaseRefusal, type JobEffect, type RefusedEffect } from './job-effect.ts';
import type { LeaseEvent } from './job-event.ts';
import { recallInputs } from './recalling.ts';

/** Turns assignments into instances, and answers what it takes to run them. */
export function applyLeases(job: JobControlBlock, event: LeaseEvent, effects: JobEffect[]): void {
  const { executionManager, taskIndices, firstInstance } = event;
  const count = taskIndices.length;
  const contexts = new ContextsWriter(job, count);
  let refused: RefusedEffect | undefined;
  let postponed: number[] | undefined;
  const { hasEvicted } = job.outputs;
  let next = 0;
  while (next < count && !contexts.isFull) {
    const taskIndex = taskIndices[next++] as number;
    const row = job.rowOf(taskIndex);
    let refusal = judgeLease(job, row);
    if (refusal === undefined && hasEvicted && !job.inputs.areInMemory(row)) {
      postponed ??= [];
      postponed.push(row);
      continue;
    }
    refusal ??= contexts.add(row);
    if (refusal === undefined) {
      beginInstance(job, row, firstInstance + contexts.count - 1, executionManager);
    } else {
      refused ??= { type: 'refused', executionManager, taskIndices: [], refusals: [] };
      refused.taskIndices.push(taskIndex);
      refused.refusals.push(refusal);
    }
  }
  if (contexts.count > 0) effects.push(contexts.finish(event, count - next));
  if (refused !== undefined) effects.push(refused);
  if (postponed === undefined) return;
  effects.push({ type: 'postponed', executionManager, taskIndices: postponed });
  recallInputs(job, postponed, effects);
}

/** Why no further instance of a task may run now; undefined if one may. */
export function judgeLease(job: JobControlBlock, row: number): LeaseRefusal | undefined {
  if (row === -1) return LeaseRefusal.NoSuchTask;
  if (!job.isRunning) return LeaseRefusal.JobNotRunning;
  const state = job.taskState[row] as TaskState;
  if (state === TaskState.Ready) return undefined;
  if (state === TaskState.Pending) return LeaseRefusal.TaskPending;
  if (state !== TaskState.Running) return LeaseRefusal.TaskEnded;
  const mayStart = job.instances.count(row) < job.instanceLimit(row);
  return mayStart ? undefined : LeaseRefusal.InstanceLimit;
}

/** One more instance of a task is out; `judgeLease` has allowed it. */
export function beginInstance(
  job: JobControlBlock,
  row: number,
  instance: number,
  executionManager: number,
): void {
  job.ready.remove(row);
  if (job.backingOff.size > 0) job.backingOff.delete(row);
  if (row === job.cleanupRow) job.hasCleanupRun = true;
  job.instances.add(row, instance, executionManager);
  if (job.taskState[row] === TaskState.Ready) job.moveTask(row, TaskState.Running);
}
