import { LIMITS, TaskOutcome } from '@spider/core';
import { failTask, releaseInstance, retryTask, succeedTask } from './attempt.ts';
import { AttemptCursor } from './attempt-cursor.ts';
import { AttemptEffects } from './attempt-effects.ts';
import type { JobControlBlock } from './job-control-block.ts';
import type { JobEffect } from './job-effect.ts';
import { ReportVerdict, type ReportEvent } from './job-event.ts';

/**
 * Attempts ended. A report counts if its instance is live and its job runs; one that counted before
 * is recognised; any other comes too late and changes nothing.
 */
export function applyReports(job: JobControlBlock, event: ReportEvent, effects: JobEffect[]): void {
  const attempts = new AttemptCursor(event);
  const attemptEffects = new AttemptEffects(effects, event);
  const { verdicts } = event;
  job.outputs.record = job.recordCount + 1;
  while (attempts.next()) {
    const verdict = applyReport(job, event, attempts, attemptEffects);
    if (verdict === ReportVerdict.Stale) job.staleReportCount += 1;
    else if (verdict === ReportVerdict.Duplicate) job.duplicateReportCount += 1;
    if (verdicts !== undefined) verdicts[attempts.position] = verdict;
  }
  if (attemptEffects.hasRecords) job.recordCount += 1;
}

function applyReport(
  job: JobControlBlock,
  event: ReportEvent,
  attempt: AttemptCursor,
  effects: AttemptEffects,
): ReportVerdict {
  const row = job.rowOf(attempt.taskIndex);
  const { instance } = attempt;
  if (row === -1) return ReportVerdict.Stale;
  if (job.instances.managerOf(row, instance) !== event.executionManager) {
    return hasCounted(job, row, instance) ? ReportVerdict.Duplicate : ReportVerdict.Stale;
  }
  if (!job.isRunning) return ReportVerdict.Stale;

  switch (attempt.outcome) {
    case TaskOutcome.Succeeded:
      return applySuccess(job, event, attempt, row, effects);
    case TaskOutcome.Failed:
    case TaskOutcome.FailedForGood:
      effects.record(attempt.position);
      applyFailure(job, event, attempt, row, effects);
      return ReportVerdict.Accepted;
    case TaskOutcome.Released:
      releaseInstance(job, row, instance);
      job.instances.rememberEnded(row, instance);
      return ReportVerdict.Accepted;
    default:
      return ReportVerdict.Stale;
  }
}

/** Whether the report of an instance that is not live has counted before. */
export function hasCounted(job: JobControlBlock, row: number, instance: number): boolean {
  return (
    instance > 0 &&
    (job.instances.winner(row) === instance || job.instances.lastEnded(row) === instance)
  );
}

function applySuccess(
  job: JobControlBlock,
  event: ReportEvent,
  attempt: AttemptCursor,
  row: number,
  effects: AttemptEffects,
): ReportVerdict {
  const problem = takeOutputs(job, row, attempt);
  if (problem === undefined) {
    effects.record(attempt.position);
    job.records.succeeded(row, attempt);
    succeedTask(job, row, attempt.instance, event.at, effects);
    return ReportVerdict.Accepted;
  }
  const message = `task ${attempt.taskIndex}: ${problem}`;
  effects.recordMalformed(attempt.position, message);
  job.records.failed(row, attempt, message);
  if (endFailed(job, row, attempt.instance)) retryTask(job, row, effects);
  else failTask(job, row, message, event.at, effects);
  return ReportVerdict.Malformed;
}

function applyFailure(
  job: JobControlBlock,
  event: ReportEvent,
  attempt: AttemptCursor,
  row: number,
  effects: AttemptEffects,
): void {
  job.records.failed(row, attempt, failureMessage(attempt));
  const mayRetry = endFailed(job, row, attempt.instance);
  if (mayRetry && attempt.outcome === TaskOutcome.Failed) retryTask(job, row, effects);
  else failTask(job, row, failureMessage(attempt), event.at, effects);
}

/** Counts a failed instance against its task. Answers whether a retry is left. */
function endFailed(job: JobControlBlock, row: number, instance: number): boolean {
  job.instances.end(row, instance);
  job.failedAttemptCount += 1;
  return job.countFailure(row);
}

/** Keeps what a regular task returned; termination tasks return nothing that matters. */
export function takeOutputs(
  job: JobControlBlock,
  row: number,
  { columns, payloadStart, payloadEnd }: AttemptCursor,
): string | undefined {
  if (row >= job.taskCount) return undefined;
  return job.outputs.put(row, columns.payloads, payloadStart, payloadEnd);
}

/** The message in the payload of a failure. */
export function failureMessage({
  columns,
  payloadStart,
  payloadEnd,
  taskIndex,
}: AttemptCursor): string {
  const end = Math.min(payloadEnd, payloadStart + LIMITS.errorMessageBytes);
  const message = new TextDecoder().decode(columns.payloads.subarray(payloadStart, end));
  return message === '' ? `task ${taskIndex} failed without a message` : message;
}
