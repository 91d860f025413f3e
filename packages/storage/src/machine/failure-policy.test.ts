import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  JobState,
  LIMITS,
  TaskOutcome,
  TaskState,
  timestampMs,
} from '@spider/core';
import { describe, expect, test } from 'vitest';
import { graphOf } from '../../test/machine/graph-of.ts';
import { JobDriver, reportEvent, type TestReport } from '../../test/machine/job-driver.ts';
import type { FailureRules } from './job-control-block.ts';
import { LeaseRefusal } from './job-effect.ts';

const AT = timestampMs(9);
const goOn: FailureRules = { failurePolicy: 'continue', cleanupAfterFailure: false };
const cleanUp: FailureRules = { failurePolicy: 'fail-fast', cleanupAfterFailure: true };

/** 0 → 1 → 2, and 3 → 4 beside it; 5 takes from both. */
const twoBranches = graphOf([
  {},
  { from: [0] },
  { from: [1] },
  {},
  { from: [3] },
  { from: [2], after: [4] },
]);

const statesOf = (job: JobDriver, count: number): (TaskState | undefined)[] =>
  Array.from({ length: count }, (_, task) => job.machine.taskState(task));

describe('a job that goes on after a failure', () => {
  test('skips what depends on the failed task, runs all else, then fails', () => {
    const job = JobDriver.running(twoBranches, { policy: goOn });
    job.takeReady();
    const [first, other] = job.lease([0, 3]);
    job.fail(first!, 'no such file');
    expect(job.effectTypes).toEqual(['journal']);
    const { Succeeded, Failed, Skipped, Running, Pending, Ready } = TaskState;
    expect(statesOf(job, 6)).toEqual([Failed, Skipped, Skipped, Running, Pending, Skipped]);
    expect(job.machine.progress()).toMatchObject({ failedTasks: 1, skippedTasks: 3 });

    job.succeed(other!);
    expect(job.machine.taskState(4)).toBe(Ready);
    expect(job.takeReady()).toEqual([4]);
    job.succeed(job.leaseOne(4));
    expect(job.effect('persist')).toMatchObject({
      to: JobState.Failed,
      message:
        'of 6 tasks 1 failed (0) and 3 skipped, which depend on them; the first was task 0: no such file',
    });
    job.persisted();
    expect(statesOf(job, 6)).toEqual([Failed, Skipped, Skipped, Succeeded, Succeeded, Skipped]);
  });

  test('fails at once if nothing else can run', () => {
    const job = JobDriver.running(graphOf([{}, { from: [0] }]), { policy: goOn });
    job.fail(job.leaseOne(0));
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed });
  });

  test('names the first tasks that failed, and what the first of them said', () => {
    const flat = graphOf(Array.from({ length: 13 }, () => ({})));
    const job = JobDriver.running(flat, { policy: goOn });
    const instances = job.lease(Array.from({ length: 13 }, (_, task) => task));
    for (const instance of instances.toReversed().slice(0, 12)) {
      job.fail(instance, `boom ${instance.task}`);
    }
    job.succeed(instances[0]!);
    expect(job.effect('persist')?.message).toBe(
      'of 13 tasks 12 failed (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …); the first was task 12: boom 12',
    );
  });

  test('keeps its message within the limit', () => {
    const job = JobDriver.running(graphOf([{}]), { policy: goOn });
    job.fail(job.leaseOne(0), 'ü'.repeat(LIMITS.errorMessageBytes));
    const bytes = Buffer.byteLength(job.effect('persist')?.message ?? '');
    expect(bytes).toBeGreaterThan(LIMITS.errorMessageBytes - 10);
    expect(bytes).toBeLessThanOrEqual(LIMITS.errorMessageBytes + 2);
  });

  test('refuses leases of what it skips, and retries as ever before it gives a task up', () => {
    const graph = graphOf([{ policy: { maxRetries: 1 } }, { from: [0] }, {}]);
    const job = JobDriver.running(graph, { policy: goOn });
    job.fail(job.leaseOne(0));
    expect(job.machine.taskState(1)).toBe(TaskState.Pending);
    job.fail(job.leaseOne(0));
    expect(job.machine.taskState(1)).toBe(TaskState.Skipped);
    job.lease([0, 1]);
    expect(job.effect('refused')?.refusals).toEqual([
      LeaseRefusal.TaskEnded,
      LeaseRefusal.TaskEnded,
    ]);
  });

  test('stops the other instances of a task that is given up, and wants no more of them', () => {
    const graph = graphOf([{ policy: { maxInstances: 3 } }, {}]);
    const job = JobDriver.running(graph, { policy: goOn });
    const [first, second] = job.lease([0, 0], 4);
    job.handle({ type: 'soft-timeout', taskIndices: [0], instances: [first!.instance] });
    expect(job.takeReady()).toEqual([1, 0]);
    job.handle({ type: 'hand-outs-lost', taskIndices: undefined });
    const report = { task: 0, instance: first!.instance, outcome: TaskOutcome.FailedForGood };
    job.report([report], 4);
    expect(job.effect('cancelled')?.instances).toEqual([second!.instance]);
    expect(job.takeReady()).toEqual([1]);
  });

  test('lets go of outputs that only skipped tasks would read', () => {
    const graph = graphOf([{}, {}, { from: [0, 1] }, { from: [1] }], { jobOutputs: [2] });
    const job = JobDriver.running(graph, { policy: goOn });
    const [first, second] = job.lease([0, 1]);
    job.report([{ task: 1, instance: second!.instance, outputs: [new Uint8Array(1000)] }]);
    job.fail(first!);
    const third = job.leaseOne(3);
    expect(third.inputs).toHaveLength(1008);
    job.succeed(third);
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed });
  });

  test('is cancelled as any other', () => {
    const job = JobDriver.running(twoBranches, { policy: goOn });
    const [first, other] = job.lease([0, 3]);
    job.fail(first!);
    const request = job.cancel();
    job.persisted();
    expect(job.effects).toMatchObject([
      { type: 'published', to: JobState.Cancelled, message: undefined },
      { type: 'cancelled', instances: [other!.instance] },
      { type: 'answered', request, state: JobState.Cancelled },
    ]);
    const { Failed, Skipped, Cancelled } = TaskState;
    const [failed, , , running, waiting] = statesOf(job, 5);
    expect([failed, running, waiting]).toEqual([Failed, Cancelled, Cancelled]);
    expect(job.machine.taskState(1)).toBe(Skipped);
  });

  test('does not commit, and fails if its commit task does', () => {
    const graph = graphOf([{}, {}], { commit: true });
    const job = JobDriver.running(graph, { policy: goOn });
    const [first, second] = job.lease([0, 1]);
    job.fail(first!);
    job.succeed(second!);
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed });

    const other = JobDriver.running(graph, { policy: goOn });
    other.report(other.lease([0, 1]));
    other.persisted();
    other.fail(other.leaseOne(COMMIT_TASK_INDEX), 'no space');
    expect(other.effect('persist')).toMatchObject({ to: JobState.Failed, message: 'no space' });
  });
});

describe('cleanup after a failure', () => {
  const withBoth = graphOf([{}, {}], { commit: true, cleanup: true });

  test('comes before the end, which is that of the failure', () => {
    const job = JobDriver.running(withBoth, { policy: cleanUp });
    const [first, second] = job.lease([0, 1]);
    job.fail(first!, 'no');
    expect(job.effect('persist')).toMatchObject({ to: JobState.CleanupReady, message: 'no' });
    job.persisted();
    expect(job.effect('published')).toMatchObject({ message: 'no' });
    expect(job.effect('cancelled')?.instances).toEqual([second!.instance]);
    job.succeed(job.leaseOne(CLEANUP_TASK_INDEX));
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed, message: 'no' });
  });

  test('may fail too, and both are told', () => {
    const job = JobDriver.running(withBoth, { policy: cleanUp });
    job.fail(job.leaseOne(0), 'no');
    job.persisted();
    job.fail(job.leaseOne(CLEANUP_TASK_INDEX), 'busy');
    expect(job.effect('persist')).toMatchObject({
      to: JobState.Failed,
      message: 'no; the cleanup task failed too: busy',
    });
  });

  test('comes after all else if the job goes on, and after a commit that failed', () => {
    const policy: FailureRules = { failurePolicy: 'continue', cleanupAfterFailure: true };
    const job = JobDriver.running(withBoth, { policy });
    const [first, second] = job.lease([0, 1]);
    job.fail(first!);
    expect(job.effect('persist')).toBeUndefined();
    job.succeed(second!);
    expect(job.effect('persist')).toMatchObject({ to: JobState.CleanupReady });

    const other = JobDriver.running(withBoth, { policy });
    other.report(other.lease([0, 1]));
    other.persisted();
    other.fail(other.leaseOne(COMMIT_TASK_INDEX));
    expect(other.effect('persist')).toMatchObject({ to: JobState.CleanupReady });
    other.persisted();
    other.succeed(other.leaseOne(CLEANUP_TASK_INDEX));
    expect(other.effect('persist')).toMatchObject({ to: JobState.Failed });
  });

  test('is not for jobs without a cleanup task, nor after a failure of storage itself', () => {
    const without = JobDriver.running(graphOf([{}]), { policy: cleanUp });
    without.fail(without.leaseOne(0));
    expect(without.effect('persist')).toMatchObject({ to: JobState.Failed });

    const job = JobDriver.running(withBoth, { policy: cleanUp });
    job.handle({ type: 'fail', message: 'disk full', at: AT });
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed });
  });

  test('a cancel that comes too late changes nothing', () => {
    const job = JobDriver.running(withBoth, { policy: cleanUp });
    job.fail(job.leaseOne(0), 'no');
    const request = job.cancel();
    job.persisted();
    expect(job.effect('rejected')).toMatchObject({ request });
    job.succeed(job.leaseOne(CLEANUP_TASK_INDEX));
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed, message: 'no' });
  });

  test('a job that is read back in it still fails', () => {
    const state = JobState.CleanupReady;
    const job = new JobDriver(withBoth, { state, failure: 'no' });
    job.succeed(job.leaseOne(CLEANUP_TASK_INDEX));
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed, message: 'no' });
  });
});

describe('the deadline of a job', () => {
  const late = { type: 'deadline', message: 'too late', at: AT } as const;

  test('fails what runs, and says why', () => {
    const job = JobDriver.running(graphOf([{}, {}]));
    const instance = job.leaseOne(0);
    job.handle(late);
    const ending = { to: JobState.Failed, at: AT, message: 'too late', endReason: 'too late' };
    expect(job.effect('persist')).toMatchObject(ending);
    job.persisted();
    expect(job.effect('cancelled')?.instances).toEqual([instance.instance]);
  });

  test.each([
    ['RUNNING', 1],
    ['COMMIT_READY', 2],
  ])('runs the cleanup task of a job that is %s', (_, steps) => {
    const job = JobDriver.running(graphOf([{}], { commit: true, cleanup: true }));
    if (steps === 2) {
      job.succeed(job.leaseOne(0));
      job.persisted();
    }
    job.handle(late);
    expect(job.effect('persist')).toMatchObject({ to: JobState.CleanupReady });
    job.persisted();
    job.handle(late);
    expect(job.effects).toEqual([]);
    job.succeed(job.leaseOne(CLEANUP_TASK_INDEX));
    job.persisted();
    expect(job.effect('published')).toMatchObject({ to: JobState.Failed, message: 'too late' });
  });

  test('cancels what nobody has started', () => {
    const job = new JobDriver(graphOf([{}], { cleanup: true }));
    job.handle(late);
    expect(job.effect('persist')).toMatchObject({
      to: JobState.Cancelled,
      message: undefined,
      endReason: 'too late',
    });
  });

  test('leaves alone what has ended, or has just won', () => {
    const job = JobDriver.running(graphOf([{}]));
    job.succeed(job.leaseOne(0));
    job.handle(late);
    expect(job.effects).toEqual([]);
    job.persisted();
    expect(job.state).toBe(JobState.Succeeded);
    expect(job.machine.pendingState).toBeUndefined();
    job.handle(late);
    expect(job.effects).toEqual([]);
  });
});

describe('a job that is read back', () => {
  const { Succeeded, Failed, Skipped, Cancelled, Ready } = TaskState;
  const replay = (job: JobDriver, reports: readonly TestReport[]): void => {
    job.handle({ ...reportEvent(reports, 1), type: 'replay' });
  };
  const failure = { task: 0, instance: 1, outcome: TaskOutcome.Failed, message: 'no' };
  const success = { task: 3, instance: 2 };

  test('has failed and skipped what it had, and goes on with the rest', () => {
    const job = new JobDriver(twoBranches, { policy: goOn, state: JobState.Running });
    replay(job, [failure, success]);
    expect(statesOf(job, 6)).toEqual([Failed, Skipped, Skipped, Succeeded, Ready, Skipped]);
    job.succeed(job.leaseOne(4));
    expect(job.effect('persist')?.message).toContain('the first was task 0: no');
  });

  test('stops what was claimed of tasks that it skips', () => {
    const job = new JobDriver(twoBranches, { policy: goOn, state: JobState.Running });
    const held = { executionManager: 7, taskIndices: [1], instances: [40] };
    job.handle({ type: 'reconcile', ...held });
    expect(job.effects).toEqual([]);
    job.fail(job.leaseOne(0));
    expect(job.effect('cancelled')).toMatchObject({ executionManagers: [7], instances: [40] });
    job.handle({ type: 'claims-over' });
    expect(job.effects).toEqual([]);
  });

  test('knows in its cleanup what had become of its tasks', () => {
    const graph = graphOf([{}, { from: [0] }, {}, {}, { policy: { maxRetries: 1 } }], {
      cleanup: true,
    });
    const options = { policy: goOn, state: JobState.CleanupReady, failure: 'late' };
    const job = new JobDriver(graph, options);
    replay(job, [failure, success, { ...failure, task: 4, instance: 3 }]);
    expect(statesOf(job, 5)).toEqual([Failed, Skipped, Cancelled, Succeeded, Cancelled]);
    expect(job.machine.progress()).toMatchObject({
      succeededTasks: 1,
      failedTasks: 1,
      skippedTasks: 1,
      failedAttempts: 2,
    });
    job.succeed(job.leaseOne(CLEANUP_TASK_INDEX));
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed, message: 'late' });
  });
});
