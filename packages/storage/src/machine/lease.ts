import { assert, EMPTY_FRAME, TaskState, type TerminationTask } from '@spider/core';
import type { JobControlBlock } from './job-control-block.ts';
import { LeaseRefusal, type ContextsEffect, type JobEffect, type RefusedEffect } from './job-effect.ts';
import type { LeaseEvent } from './job-event.ts';

/** Turns assignments into instances, and answers what it takes to run them. */
export function applyLeases(job: JobControlBlock, event: LeaseEvent, effects: JobEffect[]): void {
  const { executionManager, taskIndices, firstInstance } = event;
  const rows: number[] = [];
  let refused: RefusedEffect | undefined;
  for (let i = 0; i < taskIndices.length; i++) {
    const taskIndex = taskIndices[i] as number;
    const row = job.rowOf(taskIndex);
    const refusal = judgeLease(job, row);
    if (refusal === undefined) {
      beginInstance(job, row, firstInstance + rows.length, executionManager);
      rows.push(row);
    } else {
      refused ??= { type: 'refused', executionManager, taskIndices: [], refusals: [] };
      refused.taskIndices.push(taskIndex);
      refused.refusals.push(refusal);
    }
  }
  if (rows.length > 0) effects.push(contextsOf(job, event, rows));
  if (refused !== undefined) effects.push(refused);
}

/** Why no further instance of a task may run now; undefined if one may. */
export function judgeLease(job: JobControlBlock, row: number): LeaseRefusal | undefined {
  if (row === -1) return LeaseRefusal.NoSuchTask;
  if (!job.isRunning) return LeaseRefusal.JobNotRunning;
  switch (job.taskState[row] as TaskState) {
    case TaskState.Ready:
      return undefined;
    case TaskState.Running:
      if (job.instances.count(row) < job.instanceLimit(row)) return undefined;
      return LeaseRefusal.InstanceLimit;
    case TaskState.Pending:
      return LeaseRefusal.TaskPending;
    case TaskState.Succeeded:
    case TaskState.Failed:
    case TaskState.Cancelled:
      return LeaseRefusal.TaskEnded;
  }
}

/** One more instance of a task is out; `judgeLease` has allowed it. */
export function beginInstance(
  job: JobControlBlock,
  row: number,
  instance: number,
  executionManager: number,
): void {
  job.ready.remove(row);
  job.instances.add(row, instance, executionManager);
  if (job.taskState[row] === TaskState.Ready) job.moveTask(row, TaskState.Running);
}

function contextsOf(job: JobControlBlock, event: LeaseEvent, rows: number[]): ContextsEffect {
  const kinds: TerminationTask[] = [];
  const kindPositions: number[] = [];
  const inputLengths: number[] = [];
  const taskIndices: number[] = [];
  let totalLength = 0;
  for (const row of rows) {
    const length = inputLength(job, row);
    taskIndices.push(job.indexOf(row));
    inputLengths.push(length);
    kindPositions.push(positionOf(job.kindOf(row), kinds));
    totalLength += length;
  }

  const inputs = new Uint8Array(totalLength);
  let at = 0;
  for (const row of rows) at = writeInput(job, row, inputs, at);
  const { executionManager, firstInstance } = event;
  return {
    type: 'contexts',
    executionManager,
    taskIndices,
    firstInstance,
    kinds,
    kindPositions,
    inputLengths,
    inputs,
  };
}

/** Most batches are of one kind or a few. */
function positionOf(kind: TerminationTask, kinds: TerminationTask[]): number {
  const position = kinds.lastIndexOf(kind);
  return position === -1 ? kinds.push(kind) - 1 : position;
}

function inputLength(job: JobControlBlock, row: number): number {
  if (row < job.taskCount) return job.inputs.frameLength(row);
  return row === job.commitRow ? 1 + jobOutputs(job).length : EMPTY_FRAME.length;
}

function writeInput(job: JobControlBlock, row: number, to: Uint8Array, at: number): number {
  if (row < job.taskCount) return job.inputs.write(row, to, at);
  // What is there already, zeros, is the empty frame, and the option byte of an uncompressed one.
  if (row === job.cleanupRow) return at + EMPTY_FRAME.length;
  const outputs = jobOutputs(job);
  to.set(outputs, at + 1);
  return at + 1 + outputs.length;
}

function jobOutputs(job: JobControlBlock): Uint8Array {
  assert(job.jobOutputs !== undefined, `${job.name}: commit task without job outputs`);
  return job.jobOutputs;
}
