import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  decodeFrame,
  encodeFrame,
  JobState,
  TaskOutcome,
  TaskState,
} from '@spider/core';
import { describe, expect, test } from 'vitest';
import { ReportVerdict } from './job-event.ts';
import { graphOf } from '../../test/machine/graph-of.ts';
import { JobDriver, reportEvent, type TestReport } from '../../test/machine/job-driver.ts';

const diamond = graphOf([{}, { from: [0] }, { from: [0] }, { from: [1, 2] }]);
const withBoth = graphOf([{}], { commit: true, cleanup: true });
const running = { state: JobState.Running };

function replay(job: JobDriver, reports: readonly TestReport[]): void {
  job.handle({ ...reportEvent(reports, 1), type: 'replay' });
}

describe('a job that is read back', () => {
  test('as running begins with its roots if its journal is empty', () => {
    const job = new JobDriver(diamond, running);
    expect(job.state).toBe(JobState.Running);
    expect(job.takeReady()).toEqual([0]);
  });

  test('as committing runs its commit task with the outputs it had', () => {
    const outputs = encodeFrame([Uint8Array.of(42)]);
    const job = new JobDriver(withBoth, { state: JobState.CommitReady, outputs });
    expect(job.machine.progress().succeededTasks).toBe(1);
    expect(job.takeReady()).toEqual([COMMIT_TASK_INDEX]);
    const commit = job.leaseOne(COMMIT_TASK_INDEX);
    expect([...commit.inputs]).toEqual([0, ...outputs]);
    job.succeed(commit);
    job.persisted();
    expect(job.state).toBe(JobState.Succeeded);
  });

  test('as committing can still be cancelled and cleaned up', () => {
    const outputs = encodeFrame([Uint8Array.of(42)]);
    const job = new JobDriver(withBoth, { state: JobState.CommitReady, outputs });
    job.cancel();
    job.persisted();
    expect(job.takeReady()).toEqual([CLEANUP_TASK_INDEX]);
  });

  test('as being cleaned up runs only its cleanup task', () => {
    const job = new JobDriver(withBoth, { state: JobState.CleanupReady });
    expect(job.takeReady()).toEqual([CLEANUP_TASK_INDEX]);
    job.succeed(job.leaseOne(CLEANUP_TASK_INDEX));
    job.persisted();
    expect(job.state).toBe(JobState.Cancelled);
  });

  test.each([
    ['commits without outputs', withBoth, { state: JobState.CommitReady }],
    [
      'commits without a commit task',
      diamond,
      { state: JobState.CommitReady, outputs: encodeFrame([]) },
    ],
    ['cleans up without a cleanup task', diamond, { state: JobState.CleanupReady }],
    ['has ended', diamond, { state: JobState.Failed }],
  ])('is refused if it %s', (_what, graph, options) => {
    expect(() => new JobDriver(graph, options)).toThrow('job 7');
  });
});

describe('replaying a journal', () => {
  test('goes on where the job was', () => {
    const job = new JobDriver(diamond, running);
    replay(job, [
      { task: 0, instance: 1 },
      { task: 2, instance: 3 },
    ]);
    expect(job.effects).toEqual([]);
    expect(job.machine.progress()).toMatchObject({ succeededTasks: 2, readyTasks: 1 });
    expect(job.takeReady()).toEqual([1]);

    const next = job.leaseOne(1);
    expect(decodeFrame(next.inputs)).toEqual([Uint8Array.of(0)]);
    job.succeed(next);
    job.runAll();
    job.persisted();
    expect(job.state).toBe(JobState.Succeeded);
  });

  test('recognises reports that the journal has', () => {
    const job = new JobDriver(graphOf([{ policy: { maxRetries: 1 } }, {}]), running);
    replay(job, [
      { task: 0, instance: 1, outcome: TaskOutcome.Failed },
      { task: 1, instance: 2 },
    ]);
    const reports = [
      { task: 0, instance: 1, outcome: TaskOutcome.Failed },
      { task: 1, instance: 2 },
    ];
    expect(job.report(reports)).toEqual([ReportVerdict.Duplicate, ReportVerdict.Duplicate]);
  });

  test('lets execution managers keep what they run', () => {
    const job = new JobDriver(diamond, running);
    replay(job, [{ task: 0, instance: 1 }]);
    job.handle({
      type: 'reconcile',
      executionManager: 1,
      taskIndices: [1, 0],
      instances: [2, 1],
    });
    expect(job.effects).toEqual([]);
    expect(job.report([{ task: 1, instance: 2 }])).toEqual([ReportVerdict.Accepted]);
    expect(job.takeReady()).toEqual([2]);
  });

  const reconcile = (job: JobDriver, em: number, held: readonly [number, number][]): void =>
    void job.handle({
      type: 'reconcile',
      executionManager: em,
      taskIndices: held.map(([task]) => task),
      instances: held.map(([, instance]) => instance),
    });

  describe('of a task that failed and then succeeded, neither of which is flushed', () => {
    const FAILED = TaskOutcome.Failed;
    const retrying = graphOf([{ policy: { maxRetries: 5 } }, { from: [0] }]);

    test('hears of both from one execution manager, and runs nothing again', () => {
      const job = new JobDriver(retrying, running);
      reconcile(job, 1, [
        [0, 1],
        [0, 2],
      ]);
      expect(job.effects).toEqual([]);
      expect(job.takeReady()).toEqual([]);
      expect(job.report([{ task: 0, instance: 1, outcome: FAILED }])).toEqual([
        ReportVerdict.Accepted,
      ]);
      expect(job.takeReady()).toEqual([]);
      expect(job.report([{ task: 0, instance: 2 }])).toEqual([ReportVerdict.Accepted]);
      expect(job.machine.progress()).toMatchObject({ succeededTasks: 1, failedAttempts: 1 });
      expect(job.takeReady()).toEqual([1]);
    });

    test('hears of it from two, of the success first', () => {
      const job = new JobDriver(retrying, running);
      reconcile(job, 1, [[0, 1]]);
      reconcile(job, 2, [[0, 2]]);
      expect(job.report([{ task: 0, instance: 2 }], 2)).toEqual([ReportVerdict.Accepted]);
      expect(job.report([{ task: 0, instance: 1, outcome: FAILED }])).toEqual([
        ReportVerdict.Stale,
      ]);
      expect(job.takeReady()).toEqual([1]);
    });

    test('runs it again when all that was held of it has failed', () => {
      const job = new JobDriver(retrying, running);
      reconcile(job, 1, [[0, 1]]);
      reconcile(job, 2, [[0, 2]]);
      job.report([{ task: 0, instance: 2, outcome: FAILED }], 2);
      expect(job.takeReady()).toEqual([]);
      job.report([{ task: 0, instance: 1, outcome: FAILED }], 1);
      expect(job.takeReady()).toEqual([0]);
    });
  });

  describe('while reports of parents are still on their way', () => {
    /** The journal has task 0. Manager 1 holds the join, manager 2 one of its parents. */
    function joinBeforeItsParents(): JobDriver {
      const job = new JobDriver(diamond, running);
      replay(job, [{ task: 0, instance: 1 }]);
      reconcile(job, 1, [
        [3, 4],
        [1, 2],
      ]);
      reconcile(job, 2, [[2, 3]]);
      expect(job.effects).toEqual([]);
      return job;
    }

    test('keeps what follows from them, and adopts it when they have come', () => {
      const job = joinBeforeItsParents();
      expect(job.machine.mustWait(3, 4)).toBe(true);
      expect(job.machine.mustWait(2, 3)).toBe(false);
      job.report([{ task: 1, instance: 2 }]);
      expect(job.machine.mustWait(3, 4)).toBe(true);
      job.report([{ task: 2, instance: 3 }], 2);
      expect(job.machine.hasClaims).toBe(false);
      expect(job.machine.hasReady).toBe(false);
      expect(job.report([{ task: 3, instance: 4 }])).toEqual([ReportVerdict.Accepted]);
      job.persisted();
      expect(job.state).toBe(JobState.Succeeded);
    });

    test('does not take what followed from a parent that has run again since', () => {
      const job = joinBeforeItsParents();
      job.report([{ task: 1, instance: 2 }]);
      job.handle({ type: 'execution-manager-lost', executionManager: 2 });
      expect(job.takeReady()).toEqual([2]);
      job.handle({ type: 'lease', executionManager: 1, taskIndices: [2], firstInstance: 9 });
      job.report([{ task: 2, instance: 9 }]);
      expect(job.effect('cancelled')).toMatchObject({ taskIndices: [3], instances: [4] });
      expect(job.takeReady()).toEqual([3]);
    });

    test('gives up when the time is over', () => {
      const job = joinBeforeItsParents();
      job.handle({ type: 'claims-over' });
      expect(job.effect('cancelled')).toMatchObject({ taskIndices: [3], instances: [4] });
      expect(job.machine.mustWait(3, 4)).toBe(false);
      reconcile(job, 1, [
        [3, 4],
        [1, 2],
      ]);
      expect(job.effect('cancelled')).toMatchObject({ taskIndices: [3], instances: [4] });
    });

    test('stops what follows from them when it is cancelled', () => {
      const job = joinBeforeItsParents();
      job.cancel();
      job.persisted();
      expect(job.effect('cancelled')?.instances.length).toBe(3);
      expect(job.machine.hasClaims).toBe(false);
    });
  });

  test('counts retries', () => {
    const job = new JobDriver(graphOf([{ policy: { maxRetries: 1 } }]), running);
    replay(job, [{ task: 0, instance: 1, outcome: TaskOutcome.Failed }]);
    expect(job.machine.progress().failedAttempts).toBe(1);
    job.fail(job.leaseOne(0), 'again');
    expect(job.effect('persist')?.message).toBe('again');
  });

  test.each([
    ['success', TaskOutcome.Succeeded, JobState.Succeeded],
    ['failure', TaskOutcome.FailedForGood, JobState.Failed],
  ])('carries out what the last %s asked for', (_what, outcome, expected) => {
    const job = new JobDriver(graphOf([{}]), running);
    replay(job, [{ task: 0, instance: 1, outcome, ...(outcome === 3 && { message: 'boom' }) }]);
    expect(job.effectTypes).toEqual(['persist']);
    expect(job.machine.pendingState).toBe(expected);
  });

  test('passes over what led to the state of the job, and goes on with what came after', () => {
    const graph = graphOf([{ policy: { maxRetries: 1 } }], {
      commit: true,
      policy: { maxRetries: 1 },
    });
    const outputs = encodeFrame([Uint8Array.of(42)]);
    const job = new JobDriver(graph, { state: JobState.CommitReady, outputs });
    replay(job, [
      { task: 0, instance: 1, outcome: TaskOutcome.Failed },
      { task: 0, instance: 2 },
      { task: COMMIT_TASK_INDEX, instance: 3, outcome: TaskOutcome.Failed },
    ]);
    expect(job.machine.progress().failedAttempts).toBe(2);
    job.fail(job.leaseOne(COMMIT_TASK_INDEX));
    expect(job.machine.pendingState).toBe(JobState.Failed);
  });

  test.each([
    ['a task that does not exist', { task: 9, instance: 1 }, 'task 9: no such task'],
    [
      'a child before its parent',
      { task: 1, instance: 1 },
      'task 1: it ended before it could start',
    ],
    [
      'too few outputs',
      { task: 0, instance: 1, outputs: [] },
      'task 0: the task returned 0 outputs, not 1',
    ],
  ])('fails the job if the journal has %s', (_what, report, message) => {
    const job = new JobDriver(diamond, running);
    replay(job, [report, { task: 0, instance: 5 }]);
    expect(job.effect('persist')).toMatchObject({
      to: JobState.Failed,
      message: `the journal of job 7 is corrupt: ${message}`,
    });
    expect(job.machine.taskState(0)).toBe(TaskState.Ready);
  });
});
