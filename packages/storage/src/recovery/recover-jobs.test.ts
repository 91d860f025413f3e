import { decodeFrame, encodeFrame, JobState, TaskOutcome, toId } from '@spider/core';
import type { JobId, TimestampMs } from '@spider/core';
import { expect, test } from 'vitest';
import { SupersededError } from '../db/store-error.ts';
import { chain, diamond, encoded, flat, withTermination } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { Restarts } from '../testing/restarts.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';
import type { TestStorage } from '../testing/test-storage.ts';

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const OUTPUT = [bytes(1)];

async function connectScheduler(storage: TestStorage): Promise<ScriptedScheduler> {
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  scheduler.send({ credit: 100 });
  return scheduler;
}

async function finalState(storage: TestStorage, jobId: bigint): Promise<number | undefined> {
  return (await collect(storage.jobs.watchJob({ jobId }))).at(-1)?.status?.state;
}

test('finished jobs stay readable', async () => {
  await using restarts = await Restarts.create();
  const before = await restarts.start();
  const jobId = await before.submit(chain(1));
  const worker = await ScriptedExecutionManager.register(before.transport);
  worker.succeed(await worker.lease([{ jobId, taskIndex: 0 }]), OUTPUT);
  expect(await finalState(before, jobId)).toBe(JobState.Succeeded);
  const status = (await before.jobs.getJob({ jobId })).status;
  const outputs = (await before.jobs.getJobOutputs({ jobId })).serializedOutputs;

  const after = await restarts.start();
  expect((await after.jobs.getJob({ jobId })).status).toEqual(status);
  expect((await after.jobs.getJobOutputs({ jobId })).serializedOutputs).toEqual(outputs);
  expect(restarts.logger.messages()).not.toContain('unfinished jobs were found');
});

test('a job goes on where its journal ends: nothing that was flushed runs again', async () => {
  await using restarts = await Restarts.create();
  const before = await restarts.start();
  const jobId = await before.submit(diamond({ maxRetries: 1 }), bytes(7));
  const worker = await ScriptedExecutionManager.register(before.transport);
  const [left, right] = await worker.lease([0, 1].map((taskIndex) => ({ jobId, taskIndex })));
  await worker.flushed(worker.succeed([left!], [bytes(11)]));
  await worker.flushed(worker.report([{ ...right!, outcome: TaskOutcome.Failed }]));

  const after = await restarts.start();
  expect(restarts.logger.lines).toContainEqual({
    level: 'info',
    message: 'unfinished jobs were found',
    fields: { recovered: 1, failed: 0 },
  });
  const scheduler = await connectScheduler(after);
  expect((await after.jobs.getJob({ jobId })).status).toMatchObject({
    state: JobState.Running,
    succeededTasks: 1,
    failedAttempts: 1,
  });
  const again = await ScriptedExecutionManager.connect(after.transport, worker.id);
  const tasks = await scheduler.take(1);
  expect(tasks).toEqual([{ jobId, taskIndex: 1 }]);
  await again.flushed(again.succeed(await again.lease(tasks), [bytes(12)]));
  const [joined] = await again.lease(await scheduler.take(1));
  expect(decodeFrame(joined!.inputs)).toEqual([bytes(11), bytes(12)]);
  again.succeed([joined!], OUTPUT);
  expect(await finalState(after, jobId)).toBe(JobState.Succeeded);
});

test('what a living execution manager runs, or has not seen flushed, is adopted', async () => {
  await using restarts = await Restarts.create();
  const before = await restarts.start();
  const jobId = await before.submit(flat(3));
  const worker = await ScriptedExecutionManager.register(before.transport);
  const leased = await worker.lease([0, 1].map((taskIndex) => ({ jobId, taskIndex })));

  const after = await restarts.start();
  const scheduler = await connectScheduler(after);
  const again = await ScriptedExecutionManager.connect(after.transport, worker.id, {
    held: leased,
  });
  expect(await scheduler.take(1)).toEqual([{ jobId, taskIndex: 2 }]);
  const [third] = await again.lease([{ jobId, taskIndex: 2 }]);
  expect(third!.instance).not.toBe(leased[0]!.instance);
  expect(third!.instance).not.toBe(leased[1]!.instance);
  again.succeed([...leased, third!], OUTPUT);
  expect(await finalState(after, jobId)).toBe(JobState.Succeeded);
  expect(scheduler.tasks).toHaveLength(1);
});

test('what followed from reports that were not flushed is adopted once they have come again', async () => {
  await using restarts = await Restarts.create();
  const before = await restarts.start({ runtime: { journal: { flush_interval_ms: 60_000 } } });
  const jobId = await before.submit(chain(3));
  const tasks = await connectScheduler(before);
  const first = await ScriptedExecutionManager.register(before.transport);
  const second = await ScriptedExecutionManager.register(before.transport);
  const [parent] = await first.lease(await tasks.take(1));
  first.succeed([parent!], OUTPUT);
  const [child] = await second.lease(await tasks.take(1));
  second.succeed([child!], OUTPUT);
  const [grandchild] = await first.lease(await tasks.take(1));

  const after = await restarts.start();
  const scheduler = await connectScheduler(after);
  expect((await after.jobs.getJob({ jobId })).status?.succeededTasks).toBe(0);
  const secondAgain = await ScriptedExecutionManager.connect(after.transport, second.id, {
    held: [child!],
    kept: 1,
  });
  const childReport = secondAgain.succeed([child!], OUTPUT);
  const firstAgain = await ScriptedExecutionManager.connect(after.transport, first.id, {
    held: [parent!, grandchild!],
    kept: 1,
  });
  await firstAgain.flushed(firstAgain.succeed([parent!], OUTPUT));
  await secondAgain.flushed(childReport);
  firstAgain.succeed([grandchild!], OUTPUT);
  expect(await finalState(after, jobId)).toBe(JobState.Succeeded);
  expect(scheduler.tasks).toEqual([]);
});

test('what a report makes ready waits too for those who may hold it', async () => {
  await using restarts = await Restarts.create();
  const before = await restarts.start({ runtime: { journal: { flush_interval_ms: 60_000 } } });
  const jobId = await before.submit(chain(2));
  const tasks = await connectScheduler(before);
  const first = await ScriptedExecutionManager.register(before.transport);
  const second = await ScriptedExecutionManager.register(before.transport);
  const [parent] = await first.lease(await tasks.take(1));
  first.succeed([parent!], OUTPUT);
  const [child] = await second.lease(await tasks.take(1));

  const after = await restarts.start();
  const scheduler = await connectScheduler(after);
  const firstAgain = await ScriptedExecutionManager.connect(after.transport, first.id, {
    held: [parent!],
  });
  await firstAgain.flushed(firstAgain.succeed([parent!], OUTPUT));
  const secondAgain = await ScriptedExecutionManager.connect(after.transport, second.id, {
    held: [child!],
  });
  secondAgain.succeed([child!], OUTPUT);
  expect(await finalState(after, jobId)).toBe(JobState.Succeeded);
  expect(scheduler.tasks).toEqual([]);
});

test('what followed from a report that never comes runs again', async () => {
  await using restarts = await Restarts.create();
  const before = await restarts.start({ runtime: { journal: { flush_interval_ms: 60_000 } } });
  const jobId = await before.submit(chain(2));
  const tasks = await connectScheduler(before);
  const first = await ScriptedExecutionManager.register(before.transport);
  const second = await ScriptedExecutionManager.register(before.transport);
  first.succeed(await first.lease(await tasks.take(1)), OUTPUT);
  const [child] = await second.lease(await tasks.take(1));

  const after = await restarts.start();
  const scheduler = await connectScheduler(after);
  const again = await ScriptedExecutionManager.connect(after.transport, second.id, {
    held: [child!],
    kept: 1,
  });
  const childReport = again.succeed([child!], OUTPUT);
  // Nobody has it, so it may be forgotten; nor does it hold up what comes after it for long.
  await again.flushed(childReport);
  again.succeed(await again.lease(await scheduler.take(1)), OUTPUT);
  again.succeed(await again.lease(await scheduler.take(1)), OUTPUT);
  expect(await finalState(after, jobId)).toBe(JobState.Succeeded);
  expect(scheduler.tasks.map(({ taskIndex }) => taskIndex)).toEqual([0, 1]);
});

test('a job that was committing commits', async () => {
  await using restarts = await Restarts.create();
  const before = await restarts.start();
  const jobId = await before.submit(withTermination());
  const first = await connectScheduler(before);
  const worker = await ScriptedExecutionManager.register(before.transport);
  worker.succeed(await worker.lease(await first.take(1)), [bytes(9)]);
  await first.take(1);

  const after = await restarts.start();
  expect((await after.jobs.getJob({ jobId })).status?.state).toBe(JobState.CommitReady);
  const second = await connectScheduler(after);
  const again = await ScriptedExecutionManager.connect(after.transport, worker.id);
  const [commit] = await again.lease(await second.take(1));
  expect(decodeFrame(commit!.inputs.subarray(1))).toEqual([bytes(9)]);
  again.succeed([commit!], []);
  expect(await finalState(after, jobId)).toBe(JobState.Succeeded);
});

test('a job that was submitted and not started can still be started', async () => {
  await using restarts = await Restarts.create();
  const before = await restarts.start();
  const { jobId } = await before.jobs.submitJob({
    taskGraph: encoded(chain(1)),
    inputs: encodeFrame(OUTPUT),
  });
  const after = await restarts.start();
  const scheduler = await connectScheduler(after);
  expect((await after.jobs.startJob({ jobId })).state).toBe(JobState.Running);
  expect(await scheduler.take(1)).toEqual([{ jobId, taskIndex: 0 }]);
});

test('a job that cannot be read back fails with the reason, and the others go on', async () => {
  await using restarts = await Restarts.create();
  const before = await restarts.start();
  const worker = await ScriptedExecutionManager.register(before.transport);
  const ids = [await before.submit(chain(2)), await before.submit(chain(2))];
  const store = await restarts.store;
  const { submissions } = await store.jobs.commit({
    submissions: [
      {
        resourceGroupId: toId(0),
        idempotencyKey: undefined,
        state: JobState.Running,
        taskCount: 1,
        graph: bytes(1, 2, 3),
        inputs: encodeFrame(OUTPUT),
        submittedAt: 1 as TimestampMs,
      },
    ],
    journal: [{ jobId: toId<JobId>(ids[0]!), sequence: 1, records: bytes(9, 9, 9, 9, 9, 9) }],
    changes: [],
  });
  const [bad] = submissions.flatMap((result) => (result.kind === 'job' ? [result.job] : []));
  await store[Symbol.asyncDispose]();

  const after = await restarts.start();
  for (const jobId of [bad!.id, ids[0]!]) {
    expect(await finalState(after, jobId)).toBe(JobState.Failed);
    const { status } = await after.jobs.getJob({ jobId });
    expect(status?.errorMessage).toContain('could not be read back after a start of storage');
  }
  expect((await after.jobs.getJob({ jobId: ids[1]! })).status?.state).toBe(JobState.Running);
  const scheduler = await connectScheduler(after);
  await ScriptedExecutionManager.connect(after.transport, worker.id);
  expect(await scheduler.take(1)).toEqual([{ jobId: ids[1], taskIndex: 0 }]);
});

test('a storage that another one has taken over from says so and ends', async () => {
  await using restarts = await Restarts.create();
  const storage = await restarts.start();
  const jobId = await storage.submit(chain(1));
  const stop = new AbortController();
  const run = storage.service.run(stop.signal);
  await using newer = await restarts.store;
  expect(newer.sessionId).toBe(storage.service.sessionId + 1n);
  storage.jobs.cancelJob({ jobId }).catch(() => undefined);
  await expect(run).rejects.toThrow(SupersededError);
  expect(await newer.jobs.findJob(toId<JobId>(jobId))).toMatchObject({ state: JobState.Running });
});
