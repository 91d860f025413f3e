import { TaskOutcome, TaskState } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { LeaseRefusal } from './job-effect.ts';
import { ReportVerdict } from './job-event.ts';
import { graphOf } from '../../test/machine/graph-of.ts';
import { JobDriver } from '../../test/machine/job-driver.ts';

const oneTask = graphOf([{}]);
const retried = graphOf([{ policy: { maxRetries: 1 } }]);
const twoInstances = graphOf([{ policy: { maxInstances: 2, maxRetries: 1 } }]);

describe('leases', () => {
  test('are numbered from the first instance, without gaps for those refused', () => {
    const job = JobDriver.running(graphOf([{}, { from: [0] }, {}]));
    job.handle({ type: 'lease', executionManager: 4, taskIndices: [0, 1, 2], firstInstance: 100 });
    expect(job.effects).toMatchObject([
      { type: 'contexts', executionManager: 4, taskIndices: [0, 2], firstInstance: 100 },
      { type: 'refused', executionManager: 4, taskIndices: [1] },
    ]);
    expect(job.machine.liveInstanceCount).toBe(2);
  });

  test('are refused with the reason', () => {
    const job = JobDriver.running(graphOf([{}, {}, { from: [1] }]));
    job.succeed(job.leaseOne(0));
    job.leaseOne(1);
    job.lease([0, 1, 2, 3, 4_000_000_000]);
    expect(job.effect('refused')?.refusals).toEqual([
      LeaseRefusal.TaskEnded,
      LeaseRefusal.InstanceLimit,
      LeaseRefusal.TaskPending,
      LeaseRefusal.NoSuchTask,
      LeaseRefusal.NoSuchTask,
    ]);
    expect(job.effect('contexts')).toBeUndefined();
  });

  test('name each kind of task once', () => {
    const job = JobDriver.running(graphOf([{}, {}]));
    job.lease([1, 0]);
    expect(job.effect('contexts')).toMatchObject({
      kinds: [{ functionName: 'task_1' }, { functionName: 'task_0' }],
      kindPositions: [0, 1],
    });
  });

  test('are granted up to the limit of a task at a time', () => {
    const job = JobDriver.running(graphOf([{ policy: { maxInstances: 10 } }]));
    const granted = Array.from({ length: 16 }, (_, i) => job.lease([0], i + 1).length);
    expect(granted.filter((count) => count === 1)).toHaveLength(10);
    expect(job.machine.liveInstanceCount).toBe(10);
  });

  test('are not granted any more once the task has succeeded', () => {
    const job = JobDriver.running(graphOf([{ policy: { maxInstances: 10 } }, {}]));
    job.succeed(job.leaseOne(0));
    for (let i = 0; i < 10; i++) expect(job.lease([0])).toEqual([]);
  });
});

describe('a failed attempt', () => {
  test('is tried again while retries are left', () => {
    const job = JobDriver.running(retried);
    expect(job.fail(job.leaseOne(0))).toBe(ReportVerdict.Accepted);
    expect(job.machine.taskState(0)).toBe(TaskState.Ready);
    expect(job.takeReady()).toEqual([0]);
    job.succeed(job.leaseOne(0));
    expect(job.machine.taskState(0)).toBe(TaskState.Succeeded);
    expect(job.machine.progress().failedAttempts).toBe(1);
  });

  test('fails the task on the failure after the last retry', () => {
    const job = JobDriver.running(retried);
    job.fail(job.leaseOne(0));
    job.fail(job.leaseOne(0), 'again');
    expect(job.machine.taskState(0)).toBe(TaskState.Failed);
    expect(job.effect('persist')?.message).toBe('again');
  });

  test('that failed for good is not tried again', () => {
    const job = JobDriver.running(retried);
    const { task, instance } = job.leaseOne(0);
    const report = { task, instance, outcome: TaskOutcome.FailedForGood, message: 'bad input' };
    job.report([report]);
    expect(job.effect('persist')?.message).toBe('bad input');
  });

  test('counts for all instances of the task together', () => {
    const job = JobDriver.running(twoInstances);
    const first = job.leaseOne(0, 1);
    const second = job.leaseOne(0, 2);
    job.fail(first, 'boom', 1);
    expect(job.machine.taskState(0)).toBe(TaskState.Running);
    // Another instance takes the place of the one that failed.
    expect(job.takeReady()).toEqual([0]);
    job.fail(second, 'boom', 2);
    expect(job.machine.taskState(0)).toBe(TaskState.Failed);
  });

  test('takes its siblings along if it was one too many', () => {
    const job = JobDriver.running(graphOf([{ policy: { maxInstances: 2 } }]));
    const first = job.leaseOne(0, 1);
    const second = job.leaseOne(0, 2);
    job.fail(first, 'boom', 1);
    expect(job.effect('cancelled')?.instances).toEqual([second.instance]);
    expect(job.fail(first, 'boom', 1)).toBe(ReportVerdict.Duplicate);
    expect(job.succeed(second, 2)).toBe(ReportVerdict.Stale);
  });
});

describe('of several instances', () => {
  test('the first success wins and the others are cancelled', () => {
    const job = JobDriver.running(twoInstances);
    const first = job.leaseOne(0, 1);
    const second = job.leaseOne(0, 2);
    expect(job.succeed(second, 2)).toBe(ReportVerdict.Accepted);
    expect(job.effect('cancelled')).toMatchObject({
      executionManagers: [1],
      taskIndices: [0],
      instances: [first.instance],
    });
    expect(job.succeed(first, 1)).toBe(ReportVerdict.Stale);
    expect(job.machine.liveInstanceCount).toBe(0);
  });

  test('one that is released leaves the other alone', () => {
    const job = JobDriver.running(twoInstances);
    const first = job.leaseOne(0, 1);
    const second = job.leaseOne(0, 2);
    job.report([{ ...first, outcome: TaskOutcome.Released }], 1);
    expect(job.machine.taskState(0)).toBe(TaskState.Running);
    expect(job.machine.hasReady).toBe(false);
    expect(job.succeed(second, 2)).toBe(ReportVerdict.Accepted);
  });
});

describe('a released instance', () => {
  test('makes its task ready again and costs no retry', () => {
    const job = JobDriver.running(oneTask);
    for (let i = 0; i < 5; i++) {
      const { task, instance } = job.leaseOne(0);
      expect(job.report([{ task, instance, outcome: TaskOutcome.Released }])).toEqual([
        ReportVerdict.Accepted,
      ]);
      expect(job.effectTypes).toEqual(['ready']);
      expect(job.takeReady()).toEqual([0]);
    }
    expect(job.machine.progress().failedAttempts).toBe(0);
  });

  test('can be released once', () => {
    const job = JobDriver.running(oneTask);
    const { task, instance } = job.leaseOne(0);
    const report = { task, instance, outcome: TaskOutcome.Released };
    expect(job.report([report, report])).toEqual([ReportVerdict.Accepted, ReportVerdict.Duplicate]);
  });
});

describe('a report', () => {
  test('that comes twice counts once', () => {
    const job = JobDriver.running(graphOf([{ policy: { maxRetries: 5 } }, { from: [0] }]));
    const failed = job.leaseOne(0);
    job.fail(failed);
    expect(job.machine.duplicateReportCount).toBe(0);
    expect(job.fail(failed)).toBe(ReportVerdict.Duplicate);
    expect(job.machine.progress().failedAttempts).toBe(1);

    const succeeded = job.leaseOne(0);
    job.succeed(succeeded);
    expect(job.succeed(succeeded)).toBe(ReportVerdict.Duplicate);
    expect(job.effects).toEqual([]);
    expect(job.machine.duplicateReportCount).toBe(2);
    expect(job.takeReady()).toEqual([1]);
  });

  test('is stale if no such instance is out', () => {
    const job = JobDriver.running(graphOf([{}, { from: [0] }]));
    const { instance } = job.leaseOne(0);
    expect(
      job.report([
        { task: 0, instance: instance + 1 },
        { task: 0, instance: 0 },
        { task: 1, instance },
        { task: 2, instance },
        { task: 4_000_000_000, instance },
      ]),
    ).toEqual(Array.from({ length: 5 }, () => ReportVerdict.Stale));
    expect(job.succeed({ task: 0, instance, inputs: new Uint8Array() }, 2)).toBe(
      ReportVerdict.Stale,
    );
    expect(job.machine.staleReportCount).toBe(6);
    expect(job.machine.taskState(0)).toBe(TaskState.Running);
  });

  test('with an outcome that is none changes nothing', () => {
    const job = JobDriver.running(oneTask);
    const { task, instance } = job.leaseOne(0);
    expect(job.report([{ task, instance, outcome: 9 as TaskOutcome }])).toEqual([
      ReportVerdict.Stale,
    ]);
    expect(job.machine.taskState(0)).toBe(TaskState.Running);
  });

  test('goes to the journal if it counts, in order, before what follows from it', () => {
    const job = JobDriver.running(graphOf([{ policy: { maxRetries: 1 } }, {}, {}]));
    const [a, b, c] = job.lease([0, 1, 2]);
    job.report([
      { ...b!, instance: 77 },
      { ...a!, outcome: TaskOutcome.Failed, message: 'boom' },
      c!,
      { ...b!, outcome: TaskOutcome.Failed, message: 'bang' },
      c!,
    ]);
    expect(job.effectTypes).toEqual(['journal', 'persist']);
    expect(job.effect('journal')?.positions).toEqual([1, 2, 3]);
    expect(job.effect('journal')?.malformed.size).toBe(0);
  });

  test('that was released is not journaled', () => {
    const job = JobDriver.running(oneTask);
    const { task, instance } = job.leaseOne(0);
    job.report([{ task, instance, outcome: TaskOutcome.Released }]);
    expect(job.effect('journal')).toBeUndefined();
  });
});

describe('the soft timeout of an instance', () => {
  test('lets one more run beside it, also at the default limit of one', () => {
    const job = JobDriver.running(oneTask);
    job.takeReady();
    const slow = job.leaseOne(0, 1);
    job.handle({ type: 'soft-timeout', taskIndices: [0], instances: [slow.instance] });
    expect(job.effectTypes).toEqual(['ready']);
    expect(job.takeReady()).toEqual([0]);

    const quick = job.leaseOne(0, 2);
    expect(job.lease([0], 3)).toEqual([]);
    expect(job.succeed(quick, 2)).toBe(ReportVerdict.Accepted);
    expect(job.effect('cancelled')?.instances).toEqual([slow.instance]);
  });

  test('wants no third one', () => {
    const job = JobDriver.running(oneTask);
    const first = job.leaseOne(0, 1);
    job.handle({ type: 'soft-timeout', taskIndices: [0], instances: [first.instance] });
    job.takeReady();
    const second = job.leaseOne(0, 2);
    job.handle({ type: 'soft-timeout', taskIndices: [0], instances: [second.instance] });
    expect(job.machine.hasReady).toBe(false);
  });

  test('is over when all instances have ended', () => {
    const job = JobDriver.running(retried);
    const slow = job.leaseOne(0);
    job.handle({ type: 'soft-timeout', taskIndices: [0], instances: [slow.instance] });
    job.fail(slow);
    job.leaseOne(0);
    expect(job.lease([0])).toEqual([]);
  });

  test('is ignored for an instance that has ended, and for a task that does not exist', () => {
    const job = JobDriver.running(retried);
    const ended = job.leaseOne(0);
    job.fail(ended);
    job.takeReady();
    job.leaseOne(0);
    job.handle({ type: 'soft-timeout', taskIndices: [0, 9], instances: [ended.instance, 1] });
    expect(job.machine.hasReady).toBe(false);
  });

  test('no longer wants another one once the slow one has succeeded', () => {
    const job = JobDriver.running(graphOf([{}, {}]));
    job.takeReady();
    const slow = job.leaseOne(0);
    job.handle({ type: 'soft-timeout', taskIndices: [0], instances: [slow.instance] });
    job.succeed(slow);
    expect(job.machine.hasReady).toBe(false);
  });
});
