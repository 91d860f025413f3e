import {
  assert,
  canJobMove,
  isFinalTaskState,
  JobState,
  jobStateName,
  SpiderError,
  TaskState,
  type TimestampMs,
} from '@spider/core';
import { dropClaims } from './claiming.ts';
import { describeFailures } from './describe-failures.ts';
import type { FirstFailure, JobControlBlock } from './job-control-block.ts';
import type { CancelledEffect, JobEffect } from './job-effect.ts';
import type {
  CleanupOverdueEvent,
  PersistedEvent,
  PersistFailedEvent,
  RecallEndedEvent,
} from './job-event.ts';
import { JobOutputGathering } from './job-output-gathering.ts';
import { beginRecall } from './recalling.ts';

/** Why a job fails. */
export interface Failure {
  readonly at: TimestampMs;
  readonly message: string;
  readonly endReason?: string;
  /** Whether the cleanup task is to run. Default: the job's policy. */
  readonly needsCleanup?: boolean;
}

export interface Transition {
  readonly to: JobState;
  readonly at: TimestampMs;
  readonly outputs?: Uint8Array;
  readonly message?: string;
  readonly endReason?: string | undefined;
  readonly request?: number;
}

/** Asks for a state change to be made durable. Until that is decided nothing of the job runs. */
export function beginTransition(
  job: JobControlBlock,
  { to, at, outputs, message, endReason, request }: Transition,
  effects: JobEffect[],
): void {
  assert(job.pending === undefined, `${job.name}: two state changes at a time`);
  assert(canJobMove(job.state, to), `${job.name}: no way to ${jobStateName(to)}`);
  job.pending = { to, at, outputs, message, endReason, request };
  effects.push({ type: 'persist', from: job.state, to, at, outputs, message, endReason });
}

export function publishTransition(
  job: JobControlBlock,
  event: PersistedEvent,
  effects: JobEffect[],
): void {
  const { pending, state: from } = job;
  assert(pending?.to === event.to, `${job.name}: persisted what was not asked for`);
  const { to, at, outputs, message, endReason, request } = pending;
  job.pending = undefined;
  job.state = to;
  effects.push({ type: 'published', from, to, at, outputs, message, endReason });
  if (outputs !== undefined) job.jobOutputs = outputs;
  if (to === JobState.CleanupReady) job.failureAfterCleanup = message;
  enterState(job, effects);
  if (request !== undefined) effects.push({ type: 'answered', request, state: to });
  // A retry has the successes of the job before it.
  if (to === JobState.Running) finishTasks(job, at, effects);
}

/** Moves a running job on if its last regular task has ended. */
export function finishTasks(job: JobControlBlock, at: TimestampMs, effects: JobEffect[]): void {
  if (job.state !== JobState.Running) return;
  if (job.taskCounts[TaskState.Succeeded] !== job.taskCount) {
    if (job.firstFailure !== undefined) finishFailed(job, job.firstFailure, at, effects);
    return;
  }
  if (job.taskCount === 0) return;
  const bytes = job.outputs.jobOutputBytes;
  const most = job.limits.outputBytes;
  if (bytes > most) {
    const rule = `more than the ${most} of runtime.limits.job_output_bytes`;
    const message = `the outputs of the job have ${bytes} bytes, ${rule}`;
    failJob(job, { at, message }, effects);
    return;
  }
  if (job.outputs.hasEvicted) {
    job.gathering = new JobOutputGathering(job.graph, job.outputs);
    goOnGathering(job, job.gathering, at, effects);
  } else finish(job, job.outputs.gatherJobOutputs(), at, effects);
}

function goOnGathering(
  job: JobControlBlock,
  gathering: JobOutputGathering,
  at: TimestampMs,
  effects: JobEffect[],
): void {
  const outputs = gathering.gather();
  if (outputs === undefined) {
    beginRecall(job, gathering.recallNext(job.nextRecall), effects);
    return;
  }
  job.gathering = undefined;
  finish(job, outputs, at, effects);
}

function finish(
  job: JobControlBlock,
  outputs: Uint8Array,
  at: TimestampMs,
  effects: JobEffect[],
): void {
  const to = job.graph.commitTask === undefined ? JobState.Succeeded : JobState.CommitReady;
  beginTransition(job, { to, at, outputs }, effects);
}

/** What was waited for is in memory, or is not to be found. */
export function endRecall(
  job: JobControlBlock,
  { recall: number, at }: RecallEndedEvent,
  effects: JobEffect[],
): void {
  const { recall, gathering } = job;
  if (recall?.number !== number) return;
  job.recall = undefined;
  if (!job.isRunning) return;
  for (const task of recall.needed) {
    if (job.outputs.readersLeft(task) === 0 || job.outputs.isInMemory(task)) continue;
    failJob(job, { at, message: `its journal lacks the outputs of task ${task}` }, effects);
    return;
  }
  if (gathering !== undefined) goOnGathering(job, gathering, at, effects);
}

/** Fails a job that has gone on after a failure, if nothing of it can run any more. */
function finishFailed(
  job: JobControlBlock,
  firstFailure: FirstFailure,
  at: TimestampMs,
  effects: JobEffect[],
): void {
  const message = describeFailures(job, firstFailure);
  if (message !== undefined) failJob(job, { at, message }, effects);
}

/** A job fails; first its cleanup task runs, if that is wanted and there is one. */
export function failJob(
  job: JobControlBlock,
  { needsCleanup = job.policy.cleanupAfterFailure, ...failure }: Failure,
  effects: JobEffect[],
): void {
  const cleansUp = needsCleanup && job.graph.cleanupTask !== undefined;
  beginTransition(
    job,
    { to: cleansUp ? JobState.CleanupReady : JobState.Failed, ...failure },
    effects,
  );
}

/** The cleanup task has succeeded. */
export function endCleanup(job: JobControlBlock, at: TimestampMs, effects: JobEffect[]): void {
  const message = job.failureAfterCleanup;
  if (message === undefined) beginTransition(job, { to: JobState.Cancelled, at }, effects);
  else beginTransition(job, { to: JobState.Failed, at, message }, effects);
}

/** The cleanup task has failed for good. */
export function failCleanup(
  job: JobControlBlock,
  message: string,
  at: TimestampMs,
  effects: JobEffect[],
): void {
  const before = job.failureAfterCleanup;
  const both =
    before === undefined ? message : `${before}; the cleanup task failed too: ${message}`;
  beginTransition(job, { to: JobState.Failed, at, message: both }, effects);
}

/** Nobody has run the cleanup task in its time. */
export function giveUpCleanup(
  job: JobControlBlock,
  { message, at }: CleanupOverdueEvent,
  effects: JobEffect[],
): void {
  if (!job.isRunning || job.state !== JobState.CleanupReady) return;
  const { cleanupRow, hasCleanupRun } = job;
  if (job.instances.count(cleanupRow) > 0 || job.backingOff.has(cleanupRow)) return;
  job.hasCleanupRun = false;
  if (hasCleanupRun) return;
  const givenUp = `the cleanup task was given up: ${message}`;
  const before = job.failureAfterCleanup;
  const both = before === undefined ? givenUp : `${before}; ${givenUp}`;
  beginTransition(job, { to: JobState.Failed, at, message: both }, effects);
}

/** What a job does on entering its state, also when it is read back after a start of storage. */
export function enterState(job: JobControlBlock, effects: JobEffect[]): void {
  switch (job.state) {
    case JobState.Ready:
      return;
    case JobState.Running:
      queueReadyTasks(job);
      return;
    case JobState.CommitReady:
      job.outputs.clear();
      openTerminationTask(job, job.commitRow);
      return;
    case JobState.CleanupReady:
      stopTasks(job, effects);
      openTerminationTask(job, job.cleanupRow);
      return;
    case JobState.Succeeded:
    case JobState.Failed:
    case JobState.Cancelled:
      stopTasks(job, effects);
      job.jobOutputs = undefined;
      return;
    default:
      job.state satisfies never;
  }
}

/**
 * A state change cannot be made durable. A job of which nothing runs yet stays as it is. Any other
 * has lost reports in the meantime and cannot go on: it fails, and if that is what cannot be made
 * durable, it is put aside.
 */
export function abandonTransition(
  job: JobControlBlock,
  event: PersistFailedEvent,
  effects: JobEffect[],
): void {
  const { pending } = job;
  assert(pending?.to === event.to, `${job.name}: failed to persist what was not asked for`);
  job.pending = undefined;
  const message = `${job.name} could not be made ${jobStateName(event.to)}: ${event.message}`;
  if (pending.request !== undefined) {
    const error = new SpiderError('internal', message);
    effects.push({ type: 'rejected', request: pending.request, error });
  }
  if (job.state === JobState.Ready) return;
  if (event.to === JobState.Failed) quarantine(job, message, effects);
  else beginTransition(job, { to: JobState.Failed, at: event.at, message }, effects);
}

/** Puts the job aside: nothing of it runs and nothing changes it any more. */
export function quarantine(job: JobControlBlock, message: string, effects: JobEffect[]): void {
  job.quarantine = message;
  effects.push({ type: 'quarantined', message });
  stopTasks(job, effects);
}

function queueReadyTasks(job: JobControlBlock): void {
  for (let row = 0; row < job.taskCount; row++) {
    if (job.taskState[row] === TaskState.Ready) job.ready.push(row);
  }
}

function openTerminationTask(job: JobControlBlock, row: number): void {
  job.taskState[row] = TaskState.Ready;
  job.ready.push(row);
}

/** Nothing that has not ended will run; what runs is to stop. */
function stopTasks(job: JobControlBlock, effects: JobEffect[]): void {
  const cancelled: CancelledEffect = {
    type: 'cancelled',
    executionManagers: [],
    taskIndices: [],
    instances: [],
  };
  for (let row = 0; row < job.taskState.length; row++) {
    const state = job.taskState[row] as TaskState;
    if (isFinalTaskState(state)) continue;
    if (state === TaskState.Running) job.instances.drain(row, job.indexOf(row), cancelled);
    job.moveTask(row, TaskState.Cancelled);
  }
  dropClaims(job, cancelled);
  job.claims.close();
  job.ready.clear();
  job.slow.clear();
  job.outputs.clear();
  job.recall = undefined;
  job.gathering = undefined;
  if (cancelled.instances.length > 0) effects.push(cancelled);
}
