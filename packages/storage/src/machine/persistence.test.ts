import { COMMIT_TASK_INDEX, JobState, timestampMs } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { DEFAULT_JOB_LIMITS } from './job-limits.ts';
import { LeaseRefusal } from './job-effect.ts';
import { ReportVerdict } from './job-event.ts';
import { graphOf } from '../../test/machine/graph-of.ts';
import { JobDriver } from '../../test/machine/job-driver.ts';

const twoTasks = graphOf([{}, {}]);

describe('while a state change is being made durable', () => {
  test('the job shows its old state', () => {
    const job = new JobDriver(twoTasks);
    job.start();
    expect(job.state).toBe(JobState.Ready);
    expect(job.machine.pendingState).toBe(JobState.Running);
    job.persisted();
    expect(job.state).toBe(JobState.Running);
    expect(job.machine.pendingState).toBeUndefined();
  });

  test('nothing is handed out or leased, and reports are stale', () => {
    const job = JobDriver.running(twoTasks);
    const instance = job.leaseOne(0);
    job.cancel();
    expect(job.machine.hasReady).toBe(false);
    expect(job.takeReady()).toEqual([]);
    job.lease([1]);
    expect(job.effect('refused')?.refusals).toEqual([LeaseRefusal.JobNotRunning]);
    expect(job.succeed(instance)).toBe(ReportVerdict.Stale);
    expect(job.effect('journal')).toBeUndefined();
  });

  test('a report that counted before is still recognised', () => {
    const job = JobDriver.running(graphOf([{}]));
    const instance = job.leaseOne(0);
    job.succeed(instance);
    expect(job.succeed(instance)).toBe(ReportVerdict.Duplicate);
    job.persisted();
    expect(job.succeed(instance)).toBe(ReportVerdict.Duplicate);
  });

  test('an execution manager may be lost or come back', () => {
    const job = JobDriver.running(twoTasks);
    const first = job.leaseOne(0, 1);
    job.leaseOne(1, 2);
    job.cancel();
    job.handle({ type: 'execution-manager-lost', executionManager: 2 });
    job.handle({
      type: 'reconcile',
      executionManager: 1,
      taskIndices: [0],
      instances: [first.instance],
    });
    expect(job.effects).toEqual([]);
    job.handle({ type: 'hand-outs-lost', taskIndices: undefined });
    job.handle({ type: 'soft-timeout', taskIndices: [0], instances: [first.instance] });
    expect(job.effects).toEqual([]);
    job.persisted();
    expect(job.effect('cancelled')?.instances).toEqual([first.instance]);
  });

  test('requests wait, and are judged by what has become of the job', () => {
    const job = new JobDriver(twoTasks);
    const started = job.start();
    const startedAgain = job.start();
    const cancelled = job.cancel();
    const cancelledAgain = job.cancel();
    expect(job.effects).toEqual([]);

    job.persisted();
    expect(job.effects).toMatchObject([
      { type: 'published', to: JobState.Running },
      { type: 'answered', request: started, state: JobState.Running },
      { type: 'rejected', request: startedAgain, error: { code: 'failed-precondition' } },
      { type: 'persist', from: JobState.Running, to: JobState.Cancelled },
    ]);
    job.persisted();
    expect(job.effects).toMatchObject([
      { type: 'published', to: JobState.Cancelled },
      { type: 'answered', request: cancelled, state: JobState.Cancelled },
      { type: 'rejected', request: cancelledAgain },
    ]);
  });

  test('only so many requests wait', () => {
    const limits = { ...DEFAULT_JOB_LIMITS, waitingRequests: 3 };
    const job = new JobDriver(twoTasks, { limits });
    job.start();
    for (let i = 0; i < 3; i++) job.start();
    expect(job.effects).toEqual([]);
    const request = job.cancel();
    expect(job.effects).toMatchObject([
      { type: 'rejected', request, error: { code: 'resource-exhausted' } },
    ]);
    job.persisted();
    expect(job.effects).toHaveLength(3 + 3);
  });

  test('a cancel comes too late for a last success that came before it', () => {
    const job = JobDriver.running(graphOf([{}]));
    job.runAll();
    const request = job.cancel();
    job.persisted();
    expect(job.state).toBe(JobState.Succeeded);
    expect(job.effect('rejected')).toMatchObject({ request });
  });

  test('a last success comes too late for a cancel that came before it', () => {
    const job = JobDriver.running(graphOf([{}]));
    const last = job.leaseOne(0);
    job.cancel();
    expect(job.succeed(last)).toBe(ReportVerdict.Stale);
    job.persisted();
    expect(job.state).toBe(JobState.Cancelled);
  });

  test('a last failure comes too late for a cancel, and the cleanup task runs', () => {
    const job = JobDriver.running(graphOf([{}], { cleanup: true }));
    const last = job.leaseOne(0);
    job.cancel();
    job.fail(last);
    job.persisted();
    job.fail(last);
    expect(job.state).toBe(JobState.CleanupReady);
    job.runAll();
    job.persisted();
    expect(job.state).toBe(JobState.Cancelled);
  });

  test('a cancel that waited for the last success stops the commit task', () => {
    const job = JobDriver.running(graphOf([{}], { commit: true }));
    job.runAll();
    job.cancel();
    job.persisted();
    expect(job.state).toBe(JobState.CommitReady);
    expect(job.machine.pendingState).toBe(JobState.Cancelled);
    job.lease([COMMIT_TASK_INDEX]);
    expect(job.effect('refused')?.refusals).toEqual([LeaseRefusal.JobNotRunning]);
  });

  test('the reports behind a failure in the same batch are stale', () => {
    const job = JobDriver.running(twoTasks);
    const [first, second] = job.lease([0, 1]);
    const payload = new Uint8Array();
    const verdicts = job.report([{ ...first!, payload, outcome: 3 }, second!]);
    expect(verdicts).toEqual([ReportVerdict.Accepted, ReportVerdict.Stale]);
    expect(job.effect('journal')?.positions).toEqual([0]);
  });
});

describe('a state change that cannot be made durable', () => {
  test('leaves a job that was not started as it was', () => {
    const job = new JobDriver(twoTasks);
    const request = job.start();
    job.persistFailed('disk full');
    expect(job.effects).toMatchObject([{ type: 'rejected', request, error: { code: 'internal' } }]);
    expect(job.effect('rejected')?.error.message).toBe(
      'job 7 could not be made RUNNING: disk full',
    );
    expect(job.state).toBe(JobState.Ready);
    job.start();
    job.persisted();
    expect(job.state).toBe(JobState.Running);
  });

  test('fails a job that has run', () => {
    const job = JobDriver.running(twoTasks);
    const request = job.cancel();
    job.persistFailed('disk full');
    expect(job.effects).toMatchObject([
      { type: 'rejected', request },
      { type: 'persist', to: JobState.Failed },
    ]);
    job.persisted();
    expect(job.effect('published')?.message).toBe('job 7 could not be made CANCELLED: disk full');
  });

  test('puts the job aside if it cannot even be failed', () => {
    const job = JobDriver.running(twoTasks);
    const instance = job.leaseOne(0);
    job.fail(instance);
    const waiting = job.cancel();
    job.persistFailed('disk gone');
    expect(job.effects).toMatchObject([
      { type: 'quarantined', message: 'job 7 could not be made FAILED: disk gone' },
      { type: 'rejected', request: waiting, error: { code: 'internal' } },
    ]);
    expect(job.state).toBe(JobState.Running);
    expect(job.machine.quarantine).toContain('disk gone');
    expect(job.takeReady()).toEqual([]);
    job.lease([1]);
    expect(job.effect('refused')?.refusals).toEqual([LeaseRefusal.JobNotRunning]);
    job.handle({ type: 'fail', message: 'once more', at: timestampMs(1) });
    expect(job.effects).toEqual([]);
  });

  test('stops what runs of a job that is put aside', () => {
    const job = JobDriver.running(twoTasks);
    const [first, second] = job.lease([0, 1]);
    job.fail(first!);
    job.persistFailed();
    expect(job.effect('cancelled')?.instances).toEqual([second!.instance]);
    expect(job.succeed(second!)).toBe(ReportVerdict.Stale);
  });
});

test('an answer to a question that was not asked is a bug', () => {
  const job = new JobDriver(twoTasks);
  const persisted = { type: 'persisted', to: JobState.Running } as const;
  expect(() => job.handle(persisted)).toThrow('persisted what was not asked for');
  job.start();
  expect(() => job.handle({ ...persisted, to: JobState.Failed })).toThrow('not asked for');
});
