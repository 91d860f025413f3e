import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, JobState, timestampMs } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { graphOf } from '../../test/machine/graph-of.ts';
import { JobDriver } from '../../test/machine/job-driver.ts';
import type { FailureRules } from './job-control-block.ts';

const AT = timestampMs(9);
const OVERDUE = { type: 'cleanup-overdue', message: 'nobody came', at: AT } as const;
const cleanUp: FailureRules = { failurePolicy: 'fail-fast', cleanupAfterFailure: true };
const withBoth = graphOf([{}], { commit: true, cleanup: true });

function cancelled(): JobDriver {
  const job = JobDriver.running(withBoth);
  job.cancel();
  job.persisted();
  return job;
}

function failing(): JobDriver {
  const job = JobDriver.running(withBoth, { policy: cleanUp });
  job.fail(job.leaseOne(0), 'no');
  job.persisted();
  return job;
}

describe('a cleanup task that nobody runs', () => {
  test('is given up when its time is over, and its job fails', () => {
    const job = cancelled();
    job.handle(OVERDUE);
    const message = 'the cleanup task was given up: nobody came';
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed, at: AT, message });
    job.persisted();
    expect(job.state).toBe(JobState.Failed);
    expect(job.lease([CLEANUP_TASK_INDEX])).toEqual([]);
  });

  test('is given up beside the failure that it was to follow', () => {
    const job = failing();
    job.handle(OVERDUE);
    const message = 'no; the cleanup task was given up: nobody came';
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed, message });
  });

  test('is given up also when it was handed out, and whoever has it comes too late', () => {
    const job = cancelled();
    expect(job.takeReady()).toEqual([CLEANUP_TASK_INDEX]);
    job.handle(OVERDUE);
    expect(job.lease([CLEANUP_TASK_INDEX])).toEqual([]);
    expect(job.effectTypes).toEqual(['refused']);
  });

  test('has all its time again after it was lost with its execution manager', () => {
    const job = cancelled();
    job.leaseOne(CLEANUP_TASK_INDEX, 1);
    job.handle(OVERDUE);
    job.handle({ type: 'execution-manager-lost', executionManager: 1 });
    job.handle(OVERDUE);
    expect(job.effects).toEqual([]);
    job.handle(OVERDUE);
    expect(job.machine.pendingState).toBe(JobState.Failed);
  });

  test('goes on if it runs, or waits to be tried again', () => {
    const policy = { maxRetries: 1, retryDelayMs: 100 };
    const job = JobDriver.running(graphOf([{}], { cleanup: true, policy }));
    job.cancel();
    job.persisted();
    const first = job.leaseOne(CLEANUP_TASK_INDEX);
    job.handle(OVERDUE);
    job.fail(first);
    job.handle(OVERDUE);
    job.handle(OVERDUE);
    expect(job.effects).toEqual([]);
    job.handle({ type: 'retry-due', taskIndices: [CLEANUP_TASK_INDEX] });
    job.succeed(job.leaseOne(CLEANUP_TASK_INDEX));
    expect(job.machine.pendingState).toBe(JobState.Cancelled);
  });

  test.each([
    ['running', (): JobDriver => JobDriver.running(withBoth)],
    ['not started', (): JobDriver => new JobDriver(withBoth)],
  ])('is not the matter of a job that is %s', (_what, make) => {
    const job = make();
    job.handle(OVERDUE);
    expect(job.effects).toEqual([]);
  });

  test('is not given up while another end of its job is being made durable', () => {
    const job = cancelled();
    job.cancelWithoutCleanup();
    job.handle(OVERDUE);
    expect(job.effects).toEqual([]);
    job.persisted();
    expect(job.state).toBe(JobState.Cancelled);
  });
});

describe('a cancel that wants no cleanup', () => {
  test('ends a job whose cleanup waits', () => {
    const job = cancelled();
    const request = job.cancelWithoutCleanup('never mind');
    const end = { to: JobState.Cancelled, message: undefined, endReason: 'never mind' };
    expect(job.effect('persist')).toMatchObject(end);
    job.persisted();
    expect(job.effect('answered')).toMatchObject({ request, state: JobState.Cancelled });
  });

  test('stops a cleanup that runs', () => {
    const job = cancelled();
    const { instance } = job.leaseOne(CLEANUP_TASK_INDEX);
    job.cancelWithoutCleanup();
    job.persisted();
    expect(job.effect('cancelled')?.instances).toEqual([instance]);
  });

  test('leaves a job that has failed a failed one', () => {
    const job = failing();
    job.cancelWithoutCleanup('never mind');
    const end = { to: JobState.Failed, message: 'no; its cleanup was skipped' };
    expect(job.effect('persist')).toMatchObject({ ...end, endReason: 'never mind' });
  });

  test.each([
    ['RUNNING', false],
    ['COMMIT_READY', true],
  ])('ends a job that is %s at once', (_state, commits) => {
    const job = JobDriver.running(withBoth);
    if (commits) {
      job.succeed(job.leaseOne(0));
      job.persisted();
      job.leaseOne(COMMIT_TASK_INDEX);
    }
    job.cancelWithoutCleanup();
    expect(job.effect('persist')).toMatchObject({ to: JobState.Cancelled });
  });

  test('comes too late for a job that has ended', () => {
    const job = cancelled();
    job.cancelWithoutCleanup();
    job.persisted();
    job.cancelWithoutCleanup();
    expect(job.effect('rejected')?.error.code).toBe('failed-precondition');
  });
});
