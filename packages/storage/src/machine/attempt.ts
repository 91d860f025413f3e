import { JobState, retryDelayMs, TaskState, type TimestampMs } from '@spider/core';
import type { AttemptEffects } from './attempt-effects.ts';
import type { RetryDueEvent } from './job-event.ts';
import { honourClaim } from './claiming.ts';
import type { JobControlBlock } from './job-control-block.ts';
import { abandonDescendants } from './skipping.ts';
import { beginTransition, endCleanup, failCleanup, failJob, finishTasks } from './transition.ts';

/**
 * A live instance succeeded, and its outputs are kept. Its siblings are not needed any more; children
 * without another unfinished parent become ready; the last success moves the job on.
 */
export function succeedTask(
  job: JobControlBlock,
  row: number,
  instance: number,
  at: TimestampMs,
  effects: AttemptEffects,
): void {
  const { instances } = job;
  if (instances.count(row) > 1) {
    instances.remove(row, instance);
    instances.drain(row, job.indexOf(row), effects.cancelled);
  }
  instances.win(row, instance);
  job.ready.remove(row);
  if (job.slow.size > 0) job.slow.delete(row);
  job.moveTask(row, TaskState.Succeeded);

  if (row === job.commitRow) {
    beginTransition(job, { to: JobState.Succeeded, at }, effects.list);
  } else if (row === job.cleanupRow) {
    endCleanup(job, at, effects.list);
  } else {
    releaseChildren(job, row, effects);
    job.outputs.releaseInputsOf(row);
    finishTasks(job, at, effects.list);
  }
}

function releaseChildren(job: JobControlBlock, task: number, effects: AttemptEffects): void {
  const { unfinishedParents, graph, ready, claims } = job;
  const { child, childOffset } = graph;
  const end = childOffset[task + 1] as number;
  for (let i = childOffset[task] as number; i < end; i++) {
    const row = child[i] as number;
    const left = (unfinishedParents[row] as number) - 1;
    unfinishedParents[row] = left;
    if (left > 0) continue;
    job.moveTask(row, TaskState.Ready);
    // Queued when the job starts.
    if (job.state === JobState.Ready) continue;
    if (claims.size === 0 || !honourClaim(job, row, effects)) ready.push(row);
  }
}

/** A live instance failed, and another one is to take its place, at once or after a while. */
export function retryTask(job: JobControlBlock, row: number, effects: AttemptEffects): void {
  const delayMs = retryDelayMs(job.kindOf(row).policy, job.failures(row));
  if (delayMs > 0) {
    job.backingOff.add(row);
    effects.retryLater(job.indexOf(row), delayMs);
  }
  const instances = job.instances.count(row);
  if (instances > 0) {
    if (delayMs === 0 && instances < job.instanceLimit(row)) job.ready.push(row);
    return;
  }
  job.slow.delete(row);
  job.moveTask(row, TaskState.Ready);
  if (delayMs === 0) job.ready.push(row);
}

/** Tasks have waited long enough; those that have ended meanwhile, or are wanted already, stay so. */
export function endBackOff(job: JobControlBlock, event: RetryDueEvent): void {
  for (let at = 0; at < event.taskIndices.length; at++) {
    const row = job.rowOf(event.taskIndices[at] as number);
    if (row === -1 || !job.backingOff.delete(row) || !job.isRunning) continue;
    const state = job.taskState[row];
    const mayRun =
      state === TaskState.Ready ||
      (state === TaskState.Running && job.instances.count(row) < job.instanceLimit(row));
    if (mayRun) job.ready.push(row);
  }
}

/** A task failed for good, and its job with it, unless all that does not depend on it is to run. */
export function failTask(
  job: JobControlBlock,
  row: number,
  message: string,
  at: TimestampMs,
  effects: AttemptEffects,
): void {
  if (job.instances.count(row) > 0) {
    job.instances.drain(row, job.indexOf(row), effects.cancelled);
  }
  job.slow.delete(row);
  job.ready.remove(row);
  job.moveTask(row, TaskState.Failed);
  if (row === job.cleanupRow) {
    failCleanup(job, message, at, effects.list);
  } else if (row === job.commitRow || job.policy.failurePolicy === 'fail-fast') {
    failJob(job, { at, message }, effects.list);
  } else {
    abandonDescendants(job, row, () => effects.cancelled);
    job.firstFailure ??= { row, message };
    finishTasks(job, at, effects.list);
  }
}

/** A live instance is no more, through no fault of its task. Costs no retry. */
export function releaseInstance(job: JobControlBlock, row: number, instance: number): void {
  job.instances.remove(row, instance);
  if (job.instances.count(row) === 0) makeReady(job, row);
}

function makeReady(job: JobControlBlock, row: number): void {
  job.slow.delete(row);
  job.moveTask(row, TaskState.Ready);
  job.ready.push(row);
}
