import { TaskOutcome, TaskState } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { ReportVerdict } from './job-event.ts';
import { graphOf } from '../../test/machine/graph-of.ts';
import { JobDriver } from '../../test/machine/job-driver.ts';

const fourTasks = graphOf([{}, {}, {}, {}]);
const lost = { type: 'hand-outs-lost', taskIndices: undefined } as const;

describe('ready tasks', () => {
  test('are handed out in the order in which they became ready, as many as are wanted', () => {
    const job = JobDriver.running(fourTasks);
    expect(job.takeReady(3)).toEqual([0, 1, 2]);
    expect(job.machine.readyCount).toBe(1);
    expect(job.machine.handedOutCount).toBe(3);
    expect(job.takeReady(3)).toEqual([3]);
    expect(job.takeReady(3)).toEqual([]);
  });

  test('that were handed out and lost are handed out again, before the others', () => {
    const job = JobDriver.running(fourTasks);
    job.takeReady(3);
    job.leaseOne(1);
    job.handle(lost);
    expect(job.takeReady()).toEqual([0, 2, 3]);
  });

  test('that were handed out come back one by one if only some are lost', () => {
    const job = JobDriver.running(fourTasks);
    job.takeReady();
    job.leaseOne(2);
    job.handle({ type: 'hand-outs-lost', taskIndices: [1, 9, 2, 3] });
    expect(job.effectTypes).toEqual(['ready']);
    expect(job.takeReady()).toEqual([1, 3]);
    expect(job.machine.handedOutCount).toBe(3);
  });

  test('can be leased although they were not handed out, or are queued again', () => {
    const job = JobDriver.running(fourTasks);
    job.takeReady(2);
    job.handle(lost);
    job.lease([1, 3]);
    expect(job.takeReady()).toEqual([0, 2]);
  });
});

describe('an execution manager that is lost', () => {
  test('costs no retry, and its tasks run elsewhere', () => {
    const job = JobDriver.running(fourTasks);
    job.takeReady();
    const [first, second] = job.lease([0, 1], 1);
    const third = job.leaseOne(2, 2);
    job.handle({ type: 'execution-manager-lost', executionManager: 1 });
    expect(job.machine.taskState(0)).toBe(TaskState.Ready);
    expect(job.takeReady()).toEqual([0, 1]);
    expect(job.succeed(first!, 1)).toBe(ReportVerdict.Stale);
    expect(job.succeed(third, 2)).toBe(ReportVerdict.Accepted);
    expect(job.fail(second!, 'late', 1)).toBe(ReportVerdict.Stale);
    expect(job.machine.progress().failedAttempts).toBe(0);
  });

  test('leaves a task running that another runs as well', () => {
    const job = JobDriver.running(graphOf([{ policy: { maxInstances: 3 } }]));
    job.takeReady();
    job.lease([0], 1);
    job.lease([0], 2);
    job.lease([0], 1);
    job.handle({ type: 'execution-manager-lost', executionManager: 1 });
    expect(job.machine.liveInstanceCount).toBe(1);
    expect(job.machine.taskState(0)).toBe(TaskState.Running);
    expect(job.machine.hasReady).toBe(false);
  });

  test('twice is the same as once', () => {
    const job = JobDriver.running(fourTasks);
    job.takeReady();
    job.lease([0], 1);
    job.handle({ type: 'execution-manager-lost', executionManager: 1 });
    job.handle({ type: 'execution-manager-lost', executionManager: 1 });
    expect(job.effects).toEqual([]);
    expect(job.machine.readyCount).toBe(1);
  });
});

test('of tasks that ended, are slow, or run elsewhere, only what the lost one ran is wanted anew', () => {
  const job = JobDriver.running(graphOf(Array.from({ length: 10 }, () => ({}))));
  job.takeReady();
  const leased = job.lease([0, 1, 2, 3, 4, 5], 1);
  const elsewhere = job.lease([6, 7, 8, 9], 2);
  for (const ended of [leased[0], leased[1]]) job.succeed(ended!, 1);
  const slow = [leased[2]!, elsewhere[0]!];
  job.handle({
    type: 'soft-timeout',
    taskIndices: slow.map(({ task }) => task),
    instances: slow.map(({ instance }) => instance),
  });
  // The slow ones may have one more beside them; nothing is taken from whoever runs them.
  expect(job.takeReady()).toEqual([2, 6]);
  job.handle({ type: 'execution-manager-lost', executionManager: 1 });
  expect(job.takeReady()).toEqual([3, 4, 5]);
  expect(job.machine.liveInstanceCount).toBe(4);
  for (const task of [0, 1]) expect(job.machine.taskState(task)).toBe(TaskState.Succeeded);
  for (const instance of elsewhere) expect(job.succeed(instance, 2)).toBe(ReportVerdict.Accepted);
  for (const late of leased) expect(job.succeed(late, 1)).not.toBe(ReportVerdict.Accepted);
  expect(job.machine.progress()).toMatchObject({ succeededTasks: 6, failedAttempts: 0 });
});

describe('an execution manager that connects anew', () => {
  const reconcile = (
    job: JobDriver,
    em: number,
    held: { task: number; instance: number }[],
  ): void => {
    job.handle({
      type: 'reconcile',
      executionManager: em,
      taskIndices: held.map((one) => one.task),
      instances: held.map((one) => one.instance),
    });
  };

  test('keeps what it lists; the rest runs elsewhere', () => {
    const job = JobDriver.running(fourTasks);
    job.takeReady();
    const [first, second] = job.lease([0, 1], 1);
    const other = job.leaseOne(2, 2);
    reconcile(job, 1, [second!]);
    expect(job.effectTypes).toEqual(['ready']);
    expect(job.takeReady()).toEqual([0]);
    expect(job.succeed(first!, 1)).toBe(ReportVerdict.Stale);
    expect(job.succeed(second!, 1)).toBe(ReportVerdict.Accepted);
    expect(job.succeed(other, 2)).toBe(ReportVerdict.Accepted);
  });

  test('gets back what was taken from it and not given to another', () => {
    const job = JobDriver.running(fourTasks);
    job.takeReady();
    const [first, second] = job.lease([0, 1], 1);
    job.handle({ type: 'execution-manager-lost', executionManager: 1 });
    job.leaseOne(0, 2);
    reconcile(job, 1, [first!, second!]);
    expect(job.effect('cancelled')).toMatchObject({
      executionManagers: [1],
      taskIndices: [0],
      instances: [first!.instance],
    });
    expect(job.machine.hasReady).toBe(false);
    expect(job.succeed(second!, 1)).toBe(ReportVerdict.Accepted);
  });

  test('under a new identity takes its instances along', () => {
    const job = JobDriver.running(fourTasks);
    const instance = job.leaseOne(0, 1);
    reconcile(job, 9, [instance]);
    job.handle({ type: 'execution-manager-lost', executionManager: 1 });
    expect(job.succeed(instance, 9)).toBe(ReportVerdict.Accepted);
  });

  test('is not asked to stop what it has reported, nor does that count again', () => {
    const job = JobDriver.running(graphOf([{ policy: { maxRetries: 1 } }, {}]));
    const [failed, succeeded] = job.lease([0, 1], 1);
    job.fail(failed!);
    job.succeed(succeeded!);
    reconcile(job, 1, [failed!, succeeded!]);
    expect(job.effects).toEqual([]);
    expect(job.machine.liveInstanceCount).toBe(0);
    expect(job.fail(failed!)).toBe(ReportVerdict.Duplicate);
    expect(job.succeed(succeeded!)).toBe(ReportVerdict.Duplicate);
    expect(job.machine.progress().failedAttempts).toBe(1);
  });

  test('is told to stop what does not exist', () => {
    const job = JobDriver.running(fourTasks);
    reconcile(job, 1, [{ task: 9, instance: 3 }]);
    expect(job.effect('cancelled')?.taskIndices).toEqual([9]);
  });

  test('is told to stop what it holds of a job that has ended', () => {
    const job = JobDriver.running(fourTasks);
    const instance = job.leaseOne(0);
    job.cancel();
    job.persisted();
    reconcile(job, 1, [instance]);
    expect(job.effect('cancelled')?.instances).toEqual([instance.instance]);
  });

  test('does not get back an instance older than one that ended', () => {
    const job = JobDriver.running(graphOf([{ policy: { maxRetries: 5 } }]));
    const older = job.leaseOne(0, 1);
    job.handle({ type: 'execution-manager-lost', executionManager: 1 });
    const newer = job.leaseOne(0, 2);
    job.report([{ ...newer, outcome: TaskOutcome.Failed }], 2);
    reconcile(job, 1, [older]);
    expect(job.effect('cancelled')?.instances).toEqual([older.instance]);
  });
});
