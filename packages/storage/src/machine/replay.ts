import {
  assert,
  isFinalTaskState,
  JobState,
  retryDelayMs,
  TaskOutcome,
  TaskState,
  type TimestampMs,
} from '@spider/core';
import { failTask, succeedTask } from './attempt.ts';
import { AttemptCursor } from './attempt-cursor.ts';
import { AttemptEffects } from './attempt-effects.ts';
import type { JobControlBlock } from './job-control-block.ts';
import type { JobEffect } from './job-effect.ts';
import type { ReplayEvent } from './job-event.ts';
import { failureMessage, takeOutputs } from './report.ts';
import { recallSkipped } from './skipping.ts';
import { beginTransition, quarantine } from './transition.ts';

/**
 * Applies what the journal tells of a job that was read back; of one that has not started, what it took
 * over from the job that it retries. A journal that cannot be true fails the job: it alone, and with the
 * reason.
 */
export function applyReplay(job: JobControlBlock, event: ReplayEvent, effects: JobEffect[]): void {
  assert(job.instances.liveCount === 0, `${job.name}: replay while instances are out`);
  job.recordCount += 1;
  job.replayedCount += 1;
  job.outputs.record = job.recordCount;
  const attempts = new AttemptCursor(event);
  const attemptEffects = new AttemptEffects(effects, event);
  while (attempts.next()) {
    const problem = replayAttempt(job, event, attempts, attemptEffects);
    if (problem === undefined) continue;
    const message = `the journal of ${job.name} is corrupt: task ${attempts.taskIndex}: ${problem}`;
    // The table of states has no way from READY to FAILED.
    if (job.state === JobState.Ready) quarantine(job, message, effects);
    else beginTransition(job, { to: JobState.Failed, at: event.at, message }, effects);
  }
}

function replayAttempt(
  job: JobControlBlock,
  event: ReplayEvent,
  attempt: AttemptCursor,
  effects: AttemptEffects,
): string | undefined {
  const isSuccess = attempt.outcome === TaskOutcome.Succeeded;
  if (!isSuccess) job.failedAttemptCount += 1;
  const isUnstarted = job.state === JobState.Ready && job.quarantine === undefined;
  if (!job.isRunning && !isUnstarted) return undefined;
  const row = job.rowOf(attempt.taskIndex);
  if (row === -1) return 'no such task';
  if (isUnstarted && !isSuccess) return 'it failed before its job had started';
  if (isSuccess) job.records.succeeded(row, attempt);
  else job.records.failed(row, attempt, failureMessage(attempt));
  const state = job.taskState[row] as TaskState;
  // What led to the state that the job was read back in.
  if (isFinalTaskState(state)) {
    recall(job, row, isSuccess, attempt);
    return undefined;
  }
  if (state === TaskState.Pending) return 'it ended before it could start';
  if (isSuccess) return replaySuccess(job, event, attempt, row, effects);
  replayFailure(job, event, attempt, row, effects);
  return undefined;
}

/** What a regular task had come to before its job was stopped, to be cleaned up. */
function recall(
  job: JobControlBlock,
  row: number,
  isSuccess: boolean,
  attempt: AttemptCursor,
): void {
  const wasStopped = job.state === JobState.CleanupReady && row < job.taskCount;
  if (!wasStopped || job.taskState[row] !== TaskState.Cancelled) return;
  if (isSuccess) {
    job.moveTask(row, TaskState.Succeeded);
  } else if (!job.countFailure(row) || attempt.outcome !== TaskOutcome.Failed) {
    job.moveTask(row, TaskState.Failed);
    if (job.policy.failurePolicy === 'continue') recallSkipped(job, row);
  }
}

function replaySuccess(
  job: JobControlBlock,
  event: ReplayEvent,
  attempt: AttemptCursor,
  row: number,
  effects: AttemptEffects,
): string | undefined {
  const problem = takeOutputs(job, row, attempt);
  if (problem === undefined) succeedTask(job, row, attempt.instance, event.at, effects);
  return problem;
}

function replayFailure(
  job: JobControlBlock,
  event: ReplayEvent,
  attempt: AttemptCursor,
  row: number,
  effects: AttemptEffects,
): void {
  job.instances.rememberEnded(row, attempt.instance);
  const mayRetry = job.countFailure(row) && attempt.outcome === TaskOutcome.Failed;
  if (!mayRetry) failTask(job, row, failureMessage(attempt), event.at, effects);
  else resumeBackOff(job, row, attempt, event.at, effects);
}

/** The task goes on waiting for as long as is left of its delay. */
function resumeBackOff(
  job: JobControlBlock,
  row: number,
  attempt: AttemptCursor,
  now: TimestampMs,
  effects: AttemptEffects,
): void {
  const delayMs = retryDelayMs(job.kindOf(row).policy, job.failures(row));
  const { endedAt } = attempt;
  // By the clock of who ran it, which may be ahead of ours.
  const leftMs = endedAt === undefined ? delayMs : Math.min(delayMs, endedAt + delayMs - now);
  job.backingOff.delete(row);
  if (leftMs <= 0) {
    job.ready.push(row);
    return;
  }
  job.ready.remove(row);
  job.backingOff.add(row);
  effects.retryLater(job.indexOf(row), Math.ceil(leftMs));
}
