import { TaskState } from '@spider/core';
import { dropClaim } from './claiming.ts';
import type { JobControlBlock } from './job-control-block.ts';
import type { CancelledEffect } from './job-effect.ts';

/** A task has failed for good, and the job goes on without all that depends on it. */
export function abandonDescendants(
  job: JobControlBlock,
  failed: number,
  cancelled: () => CancelledEffect,
): void {
  const { outputs, taskState } = job;
  outputs.abandonInputsOf(failed, taskState);
  visitDescendants(job, failed, TaskState.Pending, (row) => {
    job.moveTask(row, TaskState.Skipped);
    outputs.abandonInputsOf(row, taskState);
    dropClaim(job, row, cancelled);
  });
}

/** As `abandonDescendants`, of a job that was read back after it had been stopped. */
export function recallSkipped(job: JobControlBlock, failed: number): void {
  visitDescendants(job, failed, TaskState.Cancelled, (row) => job.moveTask(row, TaskState.Skipped));
}

/** Visits the descendants in a state, by ways through such ones; the visitor takes them out of it. */
function visitDescendants(
  { graph, taskState }: JobControlBlock,
  task: number,
  state: TaskState,
  visitor: (row: number) => void,
): void {
  const { child, childOffset } = graph;
  const open = [task];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    const end = childOffset[parent + 1] as number;
    for (let i = childOffset[parent] as number; i < end; i++) {
      const row = child[i] as number;
      if (taskState[row] !== state) continue;
      visitor(row);
      open.push(row);
    }
  }
}
