import { TaskState } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { graphOf } from '../../test/machine/graph-of.ts';
import { JobDriver } from '../../test/machine/job-driver.ts';

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
