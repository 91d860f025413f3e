import {
  CLEANUP_TASK_INDEX,
  DEFAULT_EXECUTION_POLICY,
  encodeFrame,
  JobState,
  TaskGraphBuilder,
  TaskOutcome,
  TaskState,
} from '@spider/core';
import type { TaskGraph } from '@spider/core';
import {
  fromWireJobState,
  fromWireTaskState,
  toWireFailurePolicy,
  toWireTaskState,
} from '@spider/proto';
import { describe, expect, test } from 'vitest';
import { chain, encoded, withTermination } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { Restarts } from '../testing/restarts.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import type { LeasedTask } from '../testing/scripted-execution-manager.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { TestStorage } from '../testing/test-storage.ts';

const INPUTS = encodeFrame([new Uint8Array([1])]);
const OUTPUT = [new Uint8Array([7])];
const CONTINUE = toWireFailurePolicy('continue');

/** 0 → 1, and 2 → 3 beside it; a cleanup task if wanted. */
function twoBranches(hasCleanup = false): TaskGraph {
  const builder = new TaskGraphBuilder();
  const type = { shared: false, value: { type: 'bytes' } } as const;
  const input = builder.addJobInput(type);
  for (let task = 0; task < 4; task++) {
    builder.addTask({
      kind: {
        packageName: 'test',
        functionName: 'take',
        inputs: [type],
        outputs: [type],
        policy: DEFAULT_EXECUTION_POLICY,
      },
      sources: [
        task % 2 === 0
          ? { from: 'job-input', input }
          : { from: 'task', task: task - 1, position: 0 },
      ],
    });
  }
  if (hasCleanup) {
    const policy = DEFAULT_EXECUTION_POLICY;
    builder.setCleanupTask({ packageName: 'test', functionName: 'cleanup', policy });
  }
  return builder.build();
}

const fail = (worker: ScriptedExecutionManager, [task]: readonly LeasedTask[]): bigint => {
  if (task === undefined) throw new Error('no lease');
  const payload = new TextEncoder().encode('no such file');
  return worker.report([{ ...task, outcome: TaskOutcome.FailedForGood, payload }]);
};

const endOf = async (storage: TestStorage, jobId: bigint) =>
  (await collect(storage.jobs.watchJob({ jobId }))).at(-1)?.status;

async function untilCleanup(storage: TestStorage, jobId: bigint): Promise<void> {
  for await (const { status } of storage.jobs.watchJob({ jobId })) {
    if (fromWireJobState(status?.state ?? 0) === JobState.CleanupReady) return;
  }
}

const statesOf = async (storage: TestStorage, jobId: bigint) =>
  (await storage.jobs.listTasks({ jobId })).tasks.map(({ state }) => fromWireTaskState(state));

const { Succeeded, Failed, Skipped, Ready } = TaskState;

describe('a job that goes on after a failure', () => {
  test('goes on after a restart where it was, and fails with what it has told all along', async () => {
    await using restarts = await Restarts.create();
    const first = await restarts.start();
    const { jobId } = await first.jobs.submitJob({
      taskGraph: encoded(twoBranches()),
      inputs: INPUTS,
      start: true,
      failurePolicy: CONTINUE,
    });
    const before = await ScriptedExecutionManager.register(first.transport);
    const [failing, other] = await before.lease([0, 2].map((taskIndex) => ({ jobId, taskIndex })));
    fail(before, [failing!]);
    await before.flushed(before.succeed([other!], OUTPUT));

    const second = await restarts.start();
    expect(await statesOf(second, jobId)).toEqual([Failed, Skipped, Succeeded, Ready]);
    expect((await second.jobs.getJob({ jobId })).status).toMatchObject({
      state: JobState.Running,
      failurePolicy: CONTINUE,
      succeededTasks: 1,
      failedTasks: 1,
      skippedTasks: 1,
    });
    const after = await ScriptedExecutionManager.register(second.transport);
    after.succeed(await after.lease([{ jobId, taskIndex: 3 }]), OUTPUT);
    expect(await endOf(second, jobId)).toMatchObject({
      state: JobState.Failed,
      errorMessage:
        'of 4 tasks 1 failed (0) and 1 skipped, which depend on them; the first was task 0: no such file',
      succeededTasks: 2,
      failedTasks: 1,
      skippedTasks: 1,
    });

    // Not in memory any more.
    const third = await restarts.start();
    expect(await statesOf(third, jobId)).toEqual([Failed, Skipped, Succeeded, Succeeded]);
    const { tasks, status } = await third.jobs.describeJob({ jobId });
    expect(tasks).toMatchObject({ succeeded: 2, failed: 1, skipped: 1, cancelled: 0, unknown: 0 });
    expect(status).toMatchObject({ failedTasks: 1, skippedTasks: 1 });
    const states = [toWireTaskState(Skipped)];
    const { tasks: skipped } = await third.jobs.listTasks({ jobId, states });
    expect(skipped.map(({ taskIndex }) => taskIndex)).toEqual([1]);
  });

  test('is retried without what has succeeded, by the same policy', async () => {
    await using storage = await TestStorage.start();
    const { jobId } = await storage.jobs.submitJob({
      taskGraph: encoded(twoBranches()),
      inputs: INPUTS,
      start: true,
      failurePolicy: CONTINUE,
      deadlineMs: 3_600_000n,
      deadlineAtMs: BigInt(Date.now() + 3_600_000),
    });
    const worker = await ScriptedExecutionManager.register(storage.transport);
    const run = async (id: bigint, taskIndex: number): Promise<void> => {
      worker.succeed(await worker.lease([{ jobId: id, taskIndex }]), OUTPUT);
    };
    fail(worker, await worker.lease([{ jobId, taskIndex: 0 }]));
    await run(jobId, 2);
    await run(jobId, 3);
    await endOf(storage, jobId);
    const { jobId: again } = await storage.jobs.retryJob({ jobId, start: true });
    const { status } = await storage.jobs.getJob({ jobId: again });
    expect(status).toMatchObject({
      failurePolicy: CONTINUE,
      succeededTasks: 2,
      failedTasks: 0,
      skippedTasks: 0,
      deadlineMs: 3_600_000n,
      deadlineAtMs: (status?.startedAtMs ?? 0n) + 3_600_000n,
    });
    await run(again, 0);
    await run(again, 1);
    expect((await endOf(storage, again))?.state).toBe(JobState.Succeeded);
  });
});

test('a job cleans up after its failure, also after a restart, and still fails', async () => {
  await using restarts = await Restarts.create();
  const first = await restarts.start();
  const { jobId } = await first.jobs.submitJob({
    taskGraph: encoded(twoBranches(true)),
    inputs: INPUTS,
    start: true,
    cleanupAfterFailure: true,
  });
  const before = await ScriptedExecutionManager.register(first.transport);
  await before.flushed(before.succeed(await before.lease([{ jobId, taskIndex: 2 }]), OUTPUT));
  fail(before, await before.lease([{ jobId, taskIndex: 0 }]));
  await untilCleanup(first, jobId);

  const second = await restarts.start();
  const expected = { errorMessage: 'no such file', succeededTasks: 1, failedTasks: 1 };
  expect((await second.jobs.getJob({ jobId })).status).toMatchObject({
    state: JobState.CleanupReady,
    ...expected,
  });
  const after = await ScriptedExecutionManager.register(second.transport);
  after.succeed(await after.lease([{ jobId, taskIndex: CLEANUP_TASK_INDEX }]), []);
  expect(await endOf(second, jobId)).toMatchObject({ state: JobState.Failed, ...expected });
  // What it had finished is still known.
  const { jobId: again } = await second.jobs.retryJob({ jobId });
  expect((await second.jobs.getJob({ jobId: again })).status?.succeededTasks).toBe(1);
});

describe('a deadline', () => {
  const late = (ms: number): string =>
    `deadline exceeded: the job had not ended ${ms} ms after its start`;

  test('fails the job, stops its instances, and is told by all', async () => {
    const clock = new SteppedClock();
    await using storage = await TestStorage.start({ clock });
    const { jobId } = await storage.jobs.submitJob({
      taskGraph: encoded(chain(2)),
      inputs: INPUTS,
      start: true,
      deadlineMs: 5000n,
    });
    const { status } = await storage.jobs.getJob({ jobId });
    expect(status?.deadlineAtMs).toBe((status?.startedAtMs ?? 0n) + 5000n);
    const worker = await ScriptedExecutionManager.register(storage.transport);
    const [task] = await worker.lease([{ jobId, taskIndex: 0 }]);
    clock.advance(4999);
    expect((await storage.jobs.getJob({ jobId })).status?.state).toBe(JobState.Running);
    clock.advance(1);
    const cancelled = await worker.inbox.first((message) => message.cancelled[0]);
    expect(cancelled).toMatchObject({ jobId, instanceBase: task?.instance });
    expect(await endOf(storage, jobId)).toMatchObject({
      state: JobState.Failed,
      errorMessage: late(5000),
      endReason: late(5000),
    });
  });

  test('that passes while storage is down is met at its next start, and cleanup follows', async () => {
    await using restarts = await Restarts.create();
    const first = await restarts.start();
    const { jobId } = await first.jobs.submitJob({
      taskGraph: encoded(withTermination()),
      inputs: INPUTS,
      start: true,
      deadlineMs: 40n,
    });
    const second = await restarts.start();
    const worker = await ScriptedExecutionManager.register(second.transport);
    await untilCleanup(second, jobId);
    worker.succeed(await worker.lease([{ jobId, taskIndex: CLEANUP_TASK_INDEX }]), []);
    const ended = { state: JobState.Failed, errorMessage: late(40), endReason: late(40) };
    expect(await endOf(second, jobId)).toMatchObject(ended);
    const third = await restarts.start();
    expect((await third.jobs.getJob({ jobId })).status).toMatchObject(ended);
  });

  test('at a fixed time cancels a job that nobody has started', async () => {
    const clock = new SteppedClock();
    await using storage = await TestStorage.start({ clock });
    const { jobId } = await storage.jobs.submitJob({
      taskGraph: encoded(chain(1)),
      inputs: INPUTS,
      deadlineMs: 10n,
      deadlineAtMs: BigInt(clock.now() + 1000),
    });
    const watched = endOf(storage, jobId);
    clock.advance(999);
    expect((await storage.jobs.getJob({ jobId })).status?.state).toBe(JobState.Ready);
    clock.advance(1);
    expect(await watched).toMatchObject({
      state: JobState.Cancelled,
      errorMessage: '',
      endReason: expect.stringContaining('deadline exceeded: the job had not ended at ') as string,
    });
  });
});
