import { assert, EMPTY_FRAME, TaskState, type TerminationTask } from '@spider/core';
import { GrowingBuffer } from './growing-buffer.ts';
import type { JobControlBlock } from './job-control-block.ts';
import {
  LeaseRefusal,
  type ContextsEffect,
  type JobEffect,
  type RefusedEffect,
} from './job-effect.ts';
import type { LeaseEvent } from './job-event.ts';

const EXPECTED_BYTES_MAX = 1024 * 1024;

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
  job.instances.add(row, instance, executionManager);
  if (job.taskState[row] === TaskState.Ready) job.moveTask(row, TaskState.Running);
}

function contextsOf(job: JobControlBlock, event: LeaseEvent, rows: number[]): ContextsEffect {
  const kinds: TerminationTask[] = [];
  const kindPositions: number[] = [];
  const inputLengths: number[] = [];
  const taskIndices: number[] = [];
  const inputs = new GrowingBuffer(
    Math.min(rows.length * job.expectedInputBytes, EXPECTED_BYTES_MAX),
  );
  for (const row of rows) {
    const start = inputs.length;
    writeInput(job, row, inputs);
    inputLengths.push(inputs.length - start);
    taskIndices.push(job.indexOf(row));
    kindPositions.push(positionOf(job.kindOf(row), kinds));
  }
  job.expectedInputBytes = Math.ceil(inputs.length / rows.length);
  const { executionManager, firstInstance } = event;
  return {
    type: 'contexts',
    executionManager,
    taskIndices,
    firstInstance,
    kinds,
    kindPositions,
    inputLengths,
    inputs: inputs.finish(),
  };
}

/** Most batches are of one kind or a few. */
function positionOf(kind: TerminationTask, kinds: TerminationTask[]): number {
  const position = kinds.lastIndexOf(kind);
  return position === -1 ? kinds.push(kind) - 1 : position;
}

function writeInput(job: JobControlBlock, row: number, to: GrowingBuffer): void {
  if (row < job.taskCount) {
    job.inputs.write(row, to);
    return;
  }
  if (row === job.cleanupRow) {
    to.reserve(EMPTY_FRAME.length);
    to.length += EMPTY_FRAME.length;
    return;
  }
  assert(job.jobOutputs !== undefined, `${job.name}: commit task without job outputs`);
  // The zero that is there is the option byte of outputs that are not compressed.
  const length = 1 + job.jobOutputs.length;
  to.reserve(length);
  to.bytes.set(job.jobOutputs, to.length + 1);
  to.length += length;
}
