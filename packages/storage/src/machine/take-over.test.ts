import { COMMIT_TASK_INDEX, decodeFrame, JobState, TaskOutcome, TaskState } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { graphOf } from '../../test/machine/graph-of.ts';
import { JobDriver, reportEvent, type TestReport } from '../../test/machine/job-driver.ts';

const chain = graphOf([{}, { from: [0] }, { from: [1] }, {}]);

function takeOver(job: JobDriver, reports: readonly TestReport[]): void {
  job.handle({ ...reportEvent(reports, 1), type: 'replay' });
}

describe('a job that has not started and takes over successes', () => {
  test('counts them, and runs only the rest once it is started', () => {
    const job = new JobDriver(chain);
    takeOver(job, [
      { task: 0, instance: 1 },
      { task: 1, instance: 2 },
    ]);
    expect(job.effects).toEqual([]);
    expect(job.state).toBe(JobState.Ready);
    expect(job.machine.progress()).toMatchObject({ succeededTasks: 2, readyTasks: 2 });
    expect(job.takeReady()).toEqual([]);
    job.start();
    job.persisted();
    expect(job.takeReady()).toEqual([2, 3]);
    const next = job.leaseOne(2);
    expect(decodeFrame(next.inputs)).toEqual([Uint8Array.of(1)]);
    job.succeed(next);
    job.succeed(job.leaseOne(3));
    job.persisted();
    expect(job.state).toBe(JobState.Succeeded);
  });

  test('goes on to its commit task when it is started, if they are all', () => {
    const job = new JobDriver(graphOf([{}], { commit: true }));
    takeOver(job, [{ task: 0, instance: 1 }]);
    job.start();
    job.persisted();
    expect(job.effectTypes).toEqual(['published', 'answered', 'persist']);
    job.persisted();
    expect(job.state).toBe(JobState.CommitReady);
    expect(job.takeReady()).toEqual([COMMIT_TASK_INDEX]);
  });

  test('can be cancelled before it is started', () => {
    const job = new JobDriver(chain);
    takeOver(job, [{ task: 0, instance: 1 }]);
    job.cancel();
    job.persisted();
    expect(job.state).toBe(JobState.Cancelled);
  });

  test.each([
    ['a failure', { task: 0, instance: 1, outcome: TaskOutcome.Failed }, 'before its job'],
    ['a child without its parent', { task: 1, instance: 1 }, 'it ended before it could start'],
    ['a task that it does not have', { task: 9, instance: 1 }, 'no such task'],
  ])('is put aside if there is %s among them', (_what, report, reason) => {
    const job = new JobDriver(chain);
    takeOver(job, [report, { task: 3, instance: 2 }]);
    expect(job.effect('quarantined')?.message).toContain(reason);
    expect(job.machine.taskState(3)).toBe(TaskState.Cancelled);
    job.start();
    expect(job.effect('rejected')?.error.message).toContain('out of service');
  });
});
