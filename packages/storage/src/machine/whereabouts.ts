import { TaskState } from '@spider/core';
import type { TaskIndex } from '@spider/core';
import type { JobControlBlock } from './job-control-block.ts';

/** One instance of a task, and who runs it or ran it. */
export interface PlacedInstance {
  readonly instance: number;
  readonly executionManager: number;
}

/** Where a task was run, and where it is. */
export interface Whereabouts {
  /** Attempts that succeeded or failed. */
  readonly attempts: number;
  /** The last one of them. */
  readonly ended: PlacedInstance | undefined;
  /** The newest instance that is out. */
  readonly live: PlacedInstance | undefined;
}

/** Undefined if the job has no such task. */
export function whereaboutsOf(job: JobControlBlock, taskIndex: TaskIndex): Whereabouts | undefined {
  const row = job.rowOf(taskIndex);
  if (row === -1) return undefined;
  let live: PlacedInstance | undefined;
  job.instances.visit(row, (instance, executionManager) => {
    if (live === undefined || instance > live.instance) live = { instance, executionManager };
  });
  const hasSucceeded = job.taskState[row] === TaskState.Succeeded;
  const executionManager = job.records.executionManager(row);
  const instance = job.instances.winner(row) || job.instances.lastEnded(row);
  const isKnown = executionManager > 0 && instance > 0;
  return {
    attempts: job.failures(row) + (hasSucceeded ? 1 : 0),
    ended: isKnown ? { instance, executionManager } : undefined,
    live,
  };
}
