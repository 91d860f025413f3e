import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  JobState,
  TaskState,
  timestampMs,
} from '@spider/core';
import { describe, expect, test } from 'vitest';
import { LeaseRefusal } from './job-effect.ts';
import { ReportVerdict } from './job-event.ts';
import { graphOf } from '../../test/machine/graph-of.ts';
import { JobDriver } from '../../test/machine/job-driver.ts';

const diamond = graphOf([{}, { from: [0] }, { from: [0] }, { from: [1, 2] }]);
const withBoth = graphOf([{}], { commit: true, cleanup: true });

describe('a job without termination tasks', () => {
  test('runs its tasks after their parents and succeeds with the last one', () => {
    const job = JobDriver.running(diamond);
    expect(job.takeReady()).toEqual([0]);

    job.succeed(job.leaseOne(0));
    expect(job.takeReady()).toEqual([1, 2]);

    const [second, third] = job.lease([1, 2]);
    job.succeed(third!);
    expect(job.machine.hasReady).toBe(false);
    job.succeed(second!);
    expect(job.takeReady()).toEqual([3]);

    job.succeed(job.leaseOne(3));
    expect(job.effect('persist')).toMatchObject({ to: JobState.Succeeded });
    expect(job.state).toBe(JobState.Running);
    job.persisted();
    expect(job.state).toBe(JobState.Succeeded);
    expect(job.machine.progress()).toMatchObject({ totalTasks: 4, succeededTasks: 4 });
  });

  test('wants a task once, though its parents succeed at the same moment', () => {
    const job = JobDriver.running(diamond);
    job.succeed(job.leaseOne(0));
    const [left] = job.lease([1], 1);
    const [right] = job.lease([2], 2);
    job.report(
      [left!, right!].map(({ task, instance }) => ({ task, instance })),
      1,
    );
    expect(job.machine.taskState(3)).toBe(TaskState.Pending);
    job.report(
      [right!].map(({ task, instance }) => ({ task, instance })),
      2,
    );
    expect(job.effectTypes.filter((type) => type === 'ready')).toHaveLength(1);
    expect(job.takeReady()).toEqual([3]);
    expect(job.takeReady()).toEqual([]);

    const atOnce = JobDriver.running(diamond);
    atOnce.succeed(atOnce.leaseOne(0));
    const both = atOnce.lease([1, 2], 1);
    atOnce.report(
      both.map(({ task, instance }) => ({ task, instance })),
      1,
    );
    expect(atOnce.takeReady()).toEqual([3]);
    expect(atOnce.takeReady()).toEqual([]);
  });

  test('hands nothing out before it has been started', () => {
    const job = new JobDriver(diamond);
    expect(job.takeReady()).toEqual([]);
    job.lease([0]);
    expect(job.effect('refused')).toMatchObject({ refusals: [LeaseRefusal.JobNotRunning] });
  });

  test('tells when it has ready tasks, once', () => {
    const job = new JobDriver(diamond);
    job.start();
    expect(job.effect('ready')).toBeUndefined();
    job.persisted();
    expect(job.effectTypes).toEqual(['published', 'answered', 'ready']);

    const twoRoots = JobDriver.running(graphOf([{}, {}, { from: [0] }]));
    twoRoots.succeed(twoRoots.leaseOne(0));
    expect(twoRoots.effect('ready')).toBeUndefined();
    expect(twoRoots.takeReady()).toEqual([1, 2]);
  });

  test('waits for ordering-only parents as for those that give an input', () => {
    const job = JobDriver.running(graphOf([{}, {}, { from: [0], after: [1] }]));
    job.succeed(job.leaseOne(0));
    expect(job.machine.taskState(2)).toBe(TaskState.Pending);
    job.succeed(job.leaseOne(1));
    expect(job.machine.taskState(2)).toBe(TaskState.Ready);
  });

  test('fails with the message of the failure that was one too many', () => {
    const job = JobDriver.running(graphOf([{}, {}]));
    const [first, second] = job.lease([0, 1], 5);
    job.fail(first!, 'out of luck', 5);
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed, message: 'out of luck' });
    expect(job.state).toBe(JobState.Running);

    job.persisted();
    expect(job.state).toBe(JobState.Failed);
    expect(job.effect('published')).toMatchObject({ message: 'out of luck' });
    expect(job.effect('cancelled')).toEqual({
      type: 'cancelled',
      executionManagers: [5],
      taskIndices: [1],
      instances: [second!.instance],
    });
    expect(job.machine.taskState(0)).toBe(TaskState.Failed);
    expect(job.machine.taskState(1)).toBe(TaskState.Cancelled);
  });

  test('says which task failed if that left no message', () => {
    const job = JobDriver.running(graphOf([{}]));
    job.fail(job.leaseOne(0), '');
    expect(job.effect('persist')).toMatchObject({ message: 'task 0 failed without a message' });
  });

  test('cuts an error message to what is kept of one', () => {
    const job = JobDriver.running(graphOf([{}]));
    job.fail(job.leaseOne(0), 'x'.repeat(70_000));
    expect(job.effect('persist')?.message).toHaveLength(64 * 1024);
  });
});

describe('a commit task', () => {
  test('runs when all others have succeeded, with the outputs of the job', () => {
    const job = JobDriver.running(withBoth);
    job.succeed(job.leaseOne(0));
    expect(job.effect('persist')).toMatchObject({
      to: JobState.CommitReady,
      outputs: Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0, 0),
    });
    expect(job.machine.hasReady).toBe(false);

    job.persisted();
    expect(job.effectTypes).toEqual(['published', 'ready']);
    expect(job.takeReady()).toEqual([COMMIT_TASK_INDEX]);
    const commit = job.leaseOne(COMMIT_TASK_INDEX);
    expect([...commit.inputs]).toEqual([0, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
    expect(job.effect('contexts')?.kinds).toMatchObject([{ functionName: 'commit' }]);

    job.succeed(commit);
    expect(job.effect('persist')).toMatchObject({ to: JobState.Succeeded, outputs: undefined });
    job.persisted();
    expect(job.state).toBe(JobState.Succeeded);
    expect(job.machine.taskState(CLEANUP_TASK_INDEX)).toBe(TaskState.Cancelled);
  });

  test('may return what it wants', () => {
    const job = JobDriver.running(withBoth);
    job.runAll();
    job.persisted();
    const { instance } = job.leaseOne(COMMIT_TASK_INDEX);
    const report = { task: COMMIT_TASK_INDEX, instance, payload: Uint8Array.of(9) };
    expect(job.report([report])).toEqual([ReportVerdict.Accepted]);
    expect(job.machine.pendingState).toBe(JobState.Succeeded);
  });

  test('is tried again as often as its policy says, then fails the job', () => {
    const graph = graphOf([{}], { commit: true, policy: { maxRetries: 1 } });
    const job = JobDriver.running(graph);
    job.runAll();
    job.persisted();
    job.fail(job.leaseOne(COMMIT_TASK_INDEX));
    expect(job.takeReady()).toEqual([COMMIT_TASK_INDEX]);
    job.fail(job.leaseOne(COMMIT_TASK_INDEX), 'no disk');
    expect(job.effect('persist')).toMatchObject({ to: JobState.Failed, message: 'no disk' });
    job.persisted();
    expect(job.state).toBe(JobState.Failed);
  });

  test('runs in as many instances as its policy says, of which the first success counts', () => {
    const graph = graphOf([{}], { commit: true, policy: { maxInstances: 10 } });
    const job = JobDriver.running(graph);
    job.runAll();
    job.persisted();
    const granted = Array.from({ length: 16 }, (_, i) => job.lease([COMMIT_TASK_INDEX], i + 1));
    const instances = granted.flat();
    expect(instances).toHaveLength(10);
    expect(job.succeed(instances[3]!, 4)).toBe(ReportVerdict.Accepted);
    expect(job.effect('cancelled')?.instances).toHaveLength(9);
    job.persisted();
    expect(job.state).toBe(JobState.Succeeded);
  });

  test('cannot be leased before its time', () => {
    const job = JobDriver.running(withBoth);
    job.lease([COMMIT_TASK_INDEX, CLEANUP_TASK_INDEX]);
    expect(job.effect('refused')?.refusals).toEqual([
      LeaseRefusal.TaskPending,
      LeaseRefusal.TaskPending,
    ]);
  });
});

describe('cancelling', () => {
  test('a job that was not started ends it at once, cleanup task or not', () => {
    const job = new JobDriver(withBoth);
    const request = job.cancel(timestampMs(5));
    expect(job.effects).toMatchObject([{ type: 'persist', to: JobState.Cancelled, at: 5 }]);
    job.persisted();
    expect(job.effects).toMatchObject([
      { type: 'published', from: JobState.Ready, to: JobState.Cancelled, at: 5 },
      { type: 'answered', request, state: JobState.Cancelled },
    ]);
  });

  test('keeps the reason with every change of state that it leads to', () => {
    const job = JobDriver.running(withBoth);
    job.handle({ type: 'cancel', request: 9, at: timestampMs(5), reason: 'too dear' });
    expect(job.effect('persist')).toMatchObject({ endReason: 'too dear', message: undefined });
    job.persisted();
    expect(job.effect('published')).toMatchObject({ endReason: 'too dear' });
  });

  test('a running job stops its instances; reports of them come too late', () => {
    const job = JobDriver.running(graphOf([{ policy: { maxRetries: 3 } }, {}]));
    const [first, second] = job.lease([0, 1]);
    job.cancel();
    expect(job.succeed(first!)).toBe(ReportVerdict.Stale);
    job.persisted();
    expect(job.state).toBe(JobState.Cancelled);
    expect(job.effect('cancelled')?.instances).toEqual([first!.instance, second!.instance]);
    expect(job.fail(second!)).toBe(ReportVerdict.Stale);
    expect(job.state).toBe(JobState.Cancelled);
    expect(job.machine.staleReportCount).toBe(2);
  });

  test('a running job with a cleanup task runs it, with the empty frame, before it ends', () => {
    const job = JobDriver.running(withBoth);
    job.takeReady();
    const request = job.cancel();
    job.persisted();
    expect(job.effectTypes).toEqual(['published', 'answered', 'ready']);
    expect(job.effect('answered')).toMatchObject({ request, state: JobState.CleanupReady });
    expect(job.takeReady()).toEqual([CLEANUP_TASK_INDEX]);

    const cleanup = job.leaseOne(CLEANUP_TASK_INDEX);
    expect([...cleanup.inputs]).toEqual([0, 0, 0, 0]);
    job.succeed(cleanup);
    expect(job.machine.pendingState).toBe(JobState.Cancelled);
    job.persisted();
    expect(job.state).toBe(JobState.Cancelled);
  });

  test('a job whose cleanup task fails for good has failed', () => {
    const graph = graphOf([{}], { cleanup: true, policy: { maxRetries: 1 } });
    const job = JobDriver.running(graph);
    job.cancel();
    job.persisted();
    job.fail(job.leaseOne(CLEANUP_TASK_INDEX));
    job.fail(job.leaseOne(CLEANUP_TASK_INDEX), 'still dirty');
    job.persisted();
    expect(job.state).toBe(JobState.Failed);
  });

  test.each([
    ['without a cleanup task ends it', false, JobState.Cancelled],
    ['with a cleanup task runs that', true, JobState.CleanupReady],
  ])('a committing job %s', (_what, cleanup, expected) => {
    const job = JobDriver.running(graphOf([{}], { commit: true, cleanup }));
    job.runAll();
    job.persisted();
    const commit = job.leaseOne(COMMIT_TASK_INDEX);
    job.cancel();
    job.persisted();
    expect(job.state).toBe(expected);
    expect(job.effect('cancelled')?.instances).toEqual([commit.instance]);
    expect(job.succeed(commit)).toBe(ReportVerdict.Stale);
    expect(job.state).toBe(expected);
  });
});

describe('a request in the wrong state', () => {
  test.each([JobState.Running, JobState.Cancelled])('start: the job is in state %i', (state) => {
    const job = state === JobState.Running ? JobDriver.running(diamond) : new JobDriver(diamond);
    if (state === JobState.Cancelled) {
      job.cancel();
      job.persisted();
    }
    const request = job.start();
    expect(job.effects).toMatchObject([
      { type: 'rejected', request, error: { code: 'failed-precondition' } },
    ]);
    expect(job.state).toBe(state);
  });

  test('cancel: the job is being cleaned up, or has ended', () => {
    const job = JobDriver.running(withBoth);
    job.cancel();
    job.persisted();
    job.cancel();
    expect(job.effect('rejected')?.error.message).toBe(
      'job 7 is CLEANUP_READY; only a READY, RUNNING or COMMIT_READY job can be cancelled',
    );
    job.runAll();
    job.persisted();
    job.cancel();
    expect(job.effect('rejected')?.error.code).toBe('failed-precondition');
  });
});

describe('failing a job from outside', () => {
  test('fails a running job', () => {
    const job = JobDriver.running(diamond);
    job.handle({ type: 'fail', message: 'its deadline has passed', at: timestampMs(9) });
    job.persisted();
    expect(job.effect('published')).toMatchObject({
      to: JobState.Failed,
      message: 'its deadline has passed',
    });
  });

  test('does nothing to a job that has ended', () => {
    const job = new JobDriver(diamond);
    job.cancel();
    job.persisted();
    job.handle({ type: 'fail', message: 'too late', at: timestampMs(9) });
    expect(job.effects).toEqual([]);
    expect(job.state).toBe(JobState.Cancelled);
  });

  test('puts a job that was never started aside', () => {
    const job = new JobDriver(diamond);
    job.handle({ type: 'fail', message: 'broken', at: timestampMs(9) });
    expect(job.effects).toEqual([{ type: 'quarantined', message: 'broken' }]);
    job.start();
    expect(job.effect('rejected')?.error.message).toBe('job 7 is out of service: broken');
    expect(job.state).toBe(JobState.Ready);
  });
});
