import type { Claim } from './claims.ts';
import type { JobControlBlock } from './job-control-block.ts';
import { LeaseRefusal, type CancelledEffect } from './job-effect.ts';
import { beginInstance, judgeLease } from './lease.ts';

/** Makes a claim, if this is what the task waits for. Answers whether it did. */
export function claim(
  job: JobControlBlock,
  row: number,
  { instance, executionManager }: Claim,
): boolean {
  const { claims } = job;
  if (!claims.isOpen || row >= job.taskCount) return false;
  if (judgeLease(job, row) !== LeaseRefusal.TaskPending) return false;
  // Of two, the later one was issued because the earlier one had been given up.
  if ((claims.get(row)?.instance ?? 0) > instance) return false;
  claims.set(row, { instance, executionManager });
  return true;
}

/**
 * A task has become Ready. If an instance of it is claimed that was issued on the word of the very
 * successes that have made it so, it is adopted. Answers whether it was.
 */
export function honourClaim(
  job: JobControlBlock,
  row: number,
  effects: { readonly cancelled: CancelledEffect },
): boolean {
  const found = job.claims.get(row);
  if (found === undefined) return false;
  job.claims.delete(row);
  if (found.instance > newestParentWinner(job, row)) {
    beginInstance(job, row, found.instance, found.executionManager);
    return true;
  }
  // A parent has run again since, and may have had other outputs.
  addTo(effects.cancelled, job, row, found);
  return false;
}

/** A task is never going to become Ready: drops the claim on it, if there is one. */
export function dropClaim(
  job: JobControlBlock,
  row: number,
  cancelled: () => CancelledEffect,
): void {
  const found = job.claims.get(row);
  if (found === undefined) return;
  job.claims.delete(row);
  addTo(cancelled(), job, row, found);
}

/** Drops what is claimed; by one execution manager only, but for what it holds, if so asked. */
export function dropClaims(
  job: JobControlBlock,
  into: CancelledEffect | undefined,
  of?: { readonly executionManager: number; readonly held: ReadonlySet<number> },
): void {
  if (job.claims.size === 0) return;
  for (const [row, found] of job.claims.entries()) {
    const isMeant =
      of === undefined ||
      (found.executionManager === of.executionManager && !of.held.has(found.instance));
    if (!isMeant) continue;
    job.claims.delete(row);
    if (into !== undefined) addTo(into, job, row, found);
  }
}

function addTo(
  { executionManagers, taskIndices, instances }: CancelledEffect,
  job: JobControlBlock,
  row: number,
  { instance, executionManager }: Claim,
): void {
  executionManagers.push(executionManager);
  taskIndices.push(job.indexOf(row));
  instances.push(instance);
}

function newestParentWinner({ graph, instances }: JobControlBlock, row: number): number {
  const { inputOffset, sourceTask, orderOffset, orderTask, taskCount } = graph;
  let newest = 0;
  for (let at = inputOffset[row] as number; at < (inputOffset[row + 1] as number); at++) {
    const parent = sourceTask[at] as number;
    if (parent < taskCount) newest = Math.max(newest, instances.winner(parent));
  }
  for (let at = orderOffset[row] as number; at < (orderOffset[row + 1] as number); at++) {
    newest = Math.max(newest, instances.winner(orderTask[at] as number));
  }
  return newest;
}
