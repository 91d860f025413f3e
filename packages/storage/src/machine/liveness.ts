import { TaskState } from '@spider/core';
import { releaseInstance } from './attempt.ts';
import { claim, dropClaims } from './claiming.ts';
import type { JobControlBlock } from './job-control-block.ts';
import { LeaseRefusal, type CancelledEffect, type JobEffect } from './job-effect.ts';
import type { ExecutionManagerLostEvent, ReconcileEvent, SoftTimeoutEvent } from './job-event.ts';
import { beginInstance, judgeLease } from './lease.ts';
import { hasCounted } from './report.ts';

const NOTHING_HELD: ReadonlySet<number> = new Set();

/** Lets the tasks of a lost execution manager run elsewhere. */
export function loseExecutionManager(job: JobControlBlock, event: ExecutionManagerLostEvent): void {
  const { executionManager } = event;
  releaseAllBut(job, executionManager, NOTHING_HELD);
  dropClaims(job, undefined, { executionManager, held: NOTHING_HELD });
}

/**
 * Makes the job's view of what an execution manager holds the same as its own. Listed instances stay
 * or come under it, also when the job had given them up and nothing has taken their place since, or
 * when their task waits for a report that is on its way; see `Claims`.
 */
export function reconcile(job: JobControlBlock, event: ReconcileEvent, effects: JobEffect[]): void {
  const { executionManager, taskIndices, instances } = event;
  const held = new Set<number>();
  const unwanted: number[] = [];
  for (let i = 0; i < taskIndices.length; i++) {
    const row = job.rowOf(taskIndices[i] as number);
    const instance = instances[i] as number;
    if (keepOrAdopt(job, row, instance, executionManager)) held.add(instance);
    // Its report is on the way once more and will be answered.
    else if (row === -1 || !hasCounted(job, row, instance)) unwanted.push(i);
  }
  releaseAllBut(job, executionManager, held);
  dropClaims(job, undefined, { executionManager, held });
  if (unwanted.length === 0) return;
  effects.push({
    type: 'cancelled',
    executionManagers: unwanted.map(() => executionManager),
    taskIndices: unwanted.map((i) => taskIndices[i] as number),
    instances: unwanted.map((i) => instances[i] as number),
  });
}

function keepOrAdopt(
  job: JobControlBlock,
  row: number,
  instance: number,
  executionManager: number,
): boolean {
  if (row === -1) return false;
  if (job.instances.transfer(row, instance, executionManager)) return true;
  // An instance no newer than one that ended may have ended itself, and must not count twice.
  if (instance <= job.instances.lastEnded(row)) return false;
  if (claim(job, row, { instance, executionManager })) return true;
  const refusal = judgeLease(job, row);
  if (refusal !== undefined && !(refusal === LeaseRefusal.InstanceLimit && job.claims.isOpen)) {
    return false;
  }
  // Of a job that was read back all that is held is wanted, however many of a task there are: those
  // before the last one have failed, perhaps, and the reports of that are on their way as well.
  if (refusal !== undefined) job.crowded.add(row);
  beginInstance(job, row, instance, executionManager);
  return true;
}

function releaseAllBut(
  job: JobControlBlock,
  executionManager: number,
  held: ReadonlySet<number>,
): void {
  if (job.instances.liveCount === 0) return;
  const lost: number[] = [];
  for (let row = 0; row < job.taskState.length; row++) {
    if (job.taskState[row] !== TaskState.Running) continue;
    job.instances.visit(row, (instance, manager) => {
      if (manager === executionManager && !held.has(instance)) lost.push(row, instance);
    });
  }
  for (let i = 0; i < lost.length; i += 2) {
    releaseInstance(job, lost[i] as number, lost[i + 1] as number);
  }
}

/** The execution managers have had their time to connect: what is still claimed runs anew. */
export function endClaims(job: JobControlBlock, effects: JobEffect[]): void {
  job.claims.close();
  const cancelled: CancelledEffect = {
    type: 'cancelled',
    executionManagers: [],
    taskIndices: [],
    instances: [],
  };
  dropClaims(job, cancelled);
  if (cancelled.instances.length > 0) effects.push(cancelled);
}

/** A slow instance may have one beside it, also where the policy allows only one at a time. */
export function applySoftTimeouts(job: JobControlBlock, event: SoftTimeoutEvent): void {
  if (!job.isRunning) return;
  for (let i = 0; i < event.taskIndices.length; i++) {
    const row = job.rowOf(event.taskIndices[i] as number);
    if (row === -1 || !job.instances.isLive(row, event.instances[i] as number)) continue;
    job.slow.add(row);
    if (job.instances.count(row) < job.instanceLimit(row)) job.ready.push(row);
  }
}
