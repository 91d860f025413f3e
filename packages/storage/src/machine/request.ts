import {
  failedPrecondition,
  isFinalJobState,
  JobState,
  jobStateName,
  SpiderError,
} from '@spider/core';
import type { DeferredEvent, JobControlBlock } from './job-control-block.ts';
import type { JobEffect } from './job-effect.ts';
import type { CancelEvent, DeadlineEvent, FailEvent, StartEvent } from './job-event.ts';
import { beginTransition, failJob, quarantine } from './transition.ts';

/** Requests are judged by a settled state: one that meets a pending state change waits for it. */
export function handleRequest(
  job: JobControlBlock,
  event: DeferredEvent,
  effects: JobEffect[],
): void {
  if (job.pending !== undefined) {
    defer(job, event, effects);
    return;
  }
  switch (event.type) {
    case 'start':
      return start(job, event, effects);
    case 'cancel':
      return cancel(job, event, effects);
    case 'fail':
      return fail(job, event, effects);
    case 'deadline':
      return meetDeadline(job, event, effects);
    default:
      event satisfies never;
  }
}

function defer(job: JobControlBlock, event: DeferredEvent, effects: JobEffect[]): void {
  const isRequest = event.type === 'start' || event.type === 'cancel';
  const most = job.limits.waitingRequests;
  if (isRequest && job.deferred.length >= most) {
    const rule = `${most} requests wait for it, and runtime.limits.requests_per_job allows no more`;
    const error = new SpiderError('resource-exhausted', `${job.name} is busy; ${rule}`);
    effects.push({ type: 'rejected', request: event.request, error });
    return;
  }
  job.deferred.push(event);
}

/** Goes on with the requests that waited, in order, up to one that changes the state again. */
export function handleDeferred(job: JobControlBlock, effects: JobEffect[]): void {
  while (job.pending === undefined) {
    const event = job.deferred.shift();
    if (event === undefined) return;
    handleRequest(job, event, effects);
  }
}

function start(job: JobControlBlock, event: StartEvent, effects: JobEffect[]): void {
  const { request, at } = event;
  if (job.quarantine === undefined && job.state === JobState.Ready) {
    beginTransition(job, { to: JobState.Running, at, request }, effects);
    return;
  }
  reject(job, request, 'only a READY job can be started', effects);
}

/** Of a job that was never started nothing has to be cleaned up. */
function cancel(job: JobControlBlock, event: CancelEvent, effects: JobEffect[]): void {
  const { request, at, reason, skipCleanup = false } = event;
  const { state } = job;
  if (job.quarantine !== undefined || isFinalJobState(state)) {
    reject(job, request, CANCEL_RULE, effects);
  } else if (state === JobState.CleanupReady) {
    if (skipCleanup) endWithoutCleanup(job, event, effects);
    else reject(job, request, CANCEL_RULE, effects);
  } else {
    const needsCleanup =
      !skipCleanup && state !== JobState.Ready && job.graph.cleanupTask !== undefined;
    const to = needsCleanup ? JobState.CleanupReady : JobState.Cancelled;
    beginTransition(job, { to, at, endReason: reason, request }, effects);
  }
}

const CANCEL_RULE = 'only a READY, RUNNING or COMMIT_READY job can be cancelled';

/** A job that was to fail after its cleanup fails. */
function endWithoutCleanup(job: JobControlBlock, event: CancelEvent, effects: JobEffect[]): void {
  const { request, at, reason } = event;
  const before = job.failureAfterCleanup;
  const end =
    before === undefined
      ? { to: JobState.Cancelled }
      : { to: JobState.Failed, message: `${before}; its cleanup was skipped` };
  beginTransition(job, { ...end, at, endReason: reason, request }, effects);
}

function fail(job: JobControlBlock, event: FailEvent, effects: JobEffect[]): void {
  const { message, at } = event;
  if (job.quarantine !== undefined || isFinalJobState(job.state)) return;
  // The table of states has no way from READY to FAILED.
  if (job.state === JobState.Ready) quarantine(job, message, effects);
  else beginTransition(job, { to: JobState.Failed, at, message }, effects);
}

/** Ends a job as a cancel does, but that one of which something has run fails. */
function meetDeadline(job: JobControlBlock, event: DeadlineEvent, effects: JobEffect[]): void {
  const { message, at } = event;
  if (job.quarantine !== undefined) return;
  if (job.state === JobState.Ready) {
    beginTransition(job, { to: JobState.Cancelled, at, endReason: message }, effects);
  } else if (job.state === JobState.Running || job.state === JobState.CommitReady) {
    failJob(job, { at, message, endReason: message, needsCleanup: true }, effects);
  }
}

function reject(job: JobControlBlock, request: number, rule: string, effects: JobEffect[]): void {
  const error =
    job.quarantine === undefined
      ? failedPrecondition(`${job.name} is ${jobStateName(job.state)}; ${rule}`)
      : new SpiderError('internal', `${job.name} is out of service: ${job.quarantine}`);
  effects.push({ type: 'rejected', request, error });
}
