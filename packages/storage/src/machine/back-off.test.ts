import { JobState, TaskOutcome, TaskState, timestampMs } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { graphOf } from '../../test/machine/graph-of.ts';
import { JobDriver, reportEvent } from '../../test/machine/job-driver.ts';

const patient = graphOf([{ policy: { maxRetries: 2, retryDelayMs: 100 } }, {}]);

describe('a task that is to wait after a failure', () => {
  test('is ready, and not handed out before its time has come', () => {
    const job = JobDriver.running(patient);
    job.fail(job.leaseOne(0));
    expect(job.effect('retry-later')).toEqual({
      type: 'retry-later',
      taskIndices: [0],
      delaysMs: [100],
    });
    expect(job.machine.taskState(0)).toBe(TaskState.Ready);
    expect(job.takeReady()).toEqual([1]);
    job.handle({ type: 'retry-due', taskIndices: [0] });
    expect(job.takeReady()).toEqual([0]);
  });

  test('waits longer after each failure', () => {
    const job = JobDriver.running(patient);
    for (const delayMs of [100, 200]) {
      job.fail(job.leaseOne(0));
      expect(job.effect('retry-later')?.delaysMs).toEqual([delayMs]);
      job.handle({ type: 'retry-due', taskIndices: [0] });
    }
  });

  test('has another instance beside a slow one only when its time has come', () => {
    const policy = { maxInstances: 2, maxRetries: 1, retryDelayMs: 50 };
    const job = JobDriver.running(graphOf([{ policy }]));
    const first = job.leaseOne(0);
    job.leaseOne(0);
    job.fail(first);
    expect(job.takeReady()).toEqual([]);
    job.handle({ type: 'retry-due', taskIndices: [0] });
    expect(job.takeReady()).toEqual([0]);
  });

  test('is left alone when it has ended, or runs, by the time', () => {
    const job = JobDriver.running(patient);
    job.fail(job.leaseOne(0));
    const leased = job.leaseOne(0);
    job.handle({ type: 'retry-due', taskIndices: [0, 99] });
    expect(job.takeReady()).toEqual([1]);
    job.succeed(leased);
    job.handle({ type: 'retry-due', taskIndices: [0] });
    expect(job.takeReady()).toEqual([]);
  });
});

describe('a task that is to wait when its job is read back', () => {
  const FAILED_AT = 5_000;
  const failure = (instance: number, startedBaseMs = FAILED_AT - 10) => ({
    ...reportEvent([{ task: 0, instance, outcome: TaskOutcome.Failed }], 1),
    type: 'replay' as const,
    startedBaseMs,
    startedOffsetsMs: [6],
    elapsedUs: [4_000],
  });

  const readBack = (...events: readonly ReturnType<typeof failure>[]): JobDriver => {
    const job = new JobDriver(patient, { state: JobState.Running });
    for (const event of events) job.handle(event);
    return job;
  };

  test('waits for what is left of its delay, from the end of its last attempt', () => {
    const job = readBack({ ...failure(1), at: timestampMs(FAILED_AT + 30) });
    expect(job.effect('retry-later')).toEqual({
      type: 'retry-later',
      taskIndices: [0],
      delaysMs: [70],
    });
    expect(job.takeReady()).toEqual([1]);
    job.handle({ type: 'retry-due', taskIndices: [0] });
    expect(job.takeReady()).toEqual([0]);
  });

  test.each([
    ['is over', FAILED_AT + 100, undefined],
    ['has begun by a clock that is ahead', FAILED_AT - 50_000, [100]],
  ])('whose time %s', (_, now, delaysMs) => {
    const job = readBack({ ...failure(1), at: timestampMs(now) });
    expect(job.effect('retry-later')?.delaysMs).toEqual(delaysMs);
    expect(job.takeReady()).toEqual(delaysMs === undefined ? [0, 1] : [1]);
  });

  test('waits for all of its delay if it is not known when it failed', () => {
    const job = readBack({ ...failure(1, 0), at: timestampMs(FAILED_AT * 100) });
    expect(job.effect('retry-later')?.delaysMs).toEqual([100]);
  });

  test('waits for its last failure, not for those before', () => {
    const at = timestampMs(FAILED_AT + 150);
    const job = readBack({ ...failure(1), at }, { ...failure(2), at });
    expect(job.effect('retry-later')?.delaysMs).toEqual([50]);
    expect(job.takeReady()).toEqual([1]);
  });

  test('runs on, and nothing else for it, where an attempt is under way by then', () => {
    const graph = graphOf([{ policy: { maxRetries: 2, maxInstances: 2, retryDelayMs: 100 } }]);
    const job = new JobDriver(graph, { state: JobState.Running });
    job.handle({ ...failure(1, 0), at: timestampMs(FAILED_AT) });
    job.leaseOne(0);
    job.handle({ type: 'retry-due', taskIndices: [0] });
    expect(job.takeReady()).toEqual([]);
  });
});
