import { Code } from '@connectrpc/connect';
import { encodeFrame, JobState, SpiderError } from '@spider/core';
import { fromWireJobState } from '@spider/proto';
import { describe, expect, test } from 'vitest';
import { chain, encoded, flat } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { openMemoryStore } from '../testing/memory-store.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { TestStorage } from '../testing/test-storage.ts';

const OUTPUT = [new Uint8Array([1])];
const INPUTS = encodeFrame([new Uint8Array([7])]);
const refusedWith = (code: Code, text: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string });

async function runToEnd(storage: TestStorage, jobId: bigint, tasks: number): Promise<void> {
  const worker = await ScriptedExecutionManager.register(storage.transport);
  for (let taskIndex = 0; taskIndex < tasks; taskIndex++) {
    await worker.flushed(worker.succeed(await worker.lease([{ jobId, taskIndex }]), OUTPUT));
  }
}

describe('a submission', () => {
  test('is READY until it is started', async () => {
    await using storage = await TestStorage.start();
    const request = { taskGraph: encoded(chain(1)), inputs: INPUTS };
    const { jobId, state } = await storage.jobs.submitJob(request);
    expect(state).toBe(JobState.Ready);
    expect((await storage.jobs.startJob({ jobId })).state).toBe(JobState.Running);
    const { status } = await storage.jobs.getJob({ jobId });
    expect(status).toMatchObject({ jobId, resourceGroupId: 1n, state: JobState.Running });
    expect(status?.startedAtMs).toBeGreaterThanOrEqual(status?.submittedAtMs ?? 0n);
    expect(status?.endedAtMs).toBe(0n);
  });

  test('with the same key is the same job, and started if the first was not', async () => {
    await using storage = await TestStorage.start();
    const request = { taskGraph: encoded(chain(1)), inputs: INPUTS, idempotencyKey: 'k' };
    const first = await storage.jobs.submitJob(request);
    expect(first).toMatchObject({ existed: false, state: JobState.Ready });
    const { jobId } = first;
    const started = await storage.jobs.submitJob({ ...request, start: true });
    expect(started).toMatchObject({ jobId, existed: true, state: JobState.Running });
    const again = await storage.jobs.submitJob({ ...request, start: true });
    expect(again).toMatchObject({ jobId, existed: true, state: JobState.Running });
    await runToEnd(storage, jobId, 1);
    const late = await storage.jobs.submitJob({ ...request, start: true });
    expect(late).toMatchObject({ jobId, existed: true, state: JobState.Succeeded });
  });

  test.each([
    ['with a key', 'k'],
    ['without one', ''],
  ])('whose commit was durable, but whose answer was lost, is one job: %s', async (_, key) => {
    const store = await openMemoryStore();
    let isAnswerLost = false;
    const commit = store.jobs.commit.bind(store.jobs);
    store.jobs.commit = async (batch) => {
      const result = await commit(batch);
      if (isAnswerLost || batch.submissions.length === 0) return result;
      isAnswerLost = true;
      throw new SpiderError('unavailable', 'the database went away');
    };
    await using storage = await TestStorage.start({ store });
    const request = { taskGraph: encoded(chain(1)), inputs: INPUTS, start: true };
    const { jobId, existed } = await storage.jobs.submitJob({ ...request, idempotencyKey: key });
    expect({ isAnswerLost, existed }).toEqual({ isAnswerLost: true, existed: false });
    await runToEnd(storage, jobId, 1);
    const { jobs } = await storage.jobs.listJobs({});
    expect(jobs).toMatchObject([{ jobId, state: JobState.Succeeded }]);
    const other = await storage.jobs.submitJob({ ...request, idempotencyKey: '' });
    expect(other.existed).toBe(false);
  });

  test('that breaks a rule is refused with the rule, and leaves nothing behind', async () => {
    await using storage = await TestStorage.start();
    const taskGraph = encoded(chain(1));
    const refuse = async (
      request: Parameters<typeof storage.jobs.submitJob>[0],
      code: Code,
      text: string,
    ): Promise<void> => {
      await expect(storage.jobs.submitJob(request)).rejects.toEqual(refusedWith(code, text));
    };
    await refuse({ inputs: INPUTS }, Code.InvalidArgument, 'task graph');
    await refuse({ taskGraph: taskGraph.slice(0, -1), inputs: INPUTS }, Code.InvalidArgument, '');
    await refuse({ taskGraph }, Code.InvalidArgument, 'wire frame');
    const two = encodeFrame([OUTPUT[0]!, OUTPUT[0]!]);
    const wrongCount = 'has 2 payloads, but the graph takes 1';
    await refuse({ taskGraph, inputs: two }, Code.InvalidArgument, wrongCount);
    const bomb = new Uint8Array([255, 255, 255, 255]);
    await refuse({ taskGraph, inputs: bomb }, Code.InvalidArgument, 'wire frame');
    const idempotencyKey = 'ü'.repeat(129);
    const tooLong = 'idempotency_key: 258 bytes are more than 256';
    await refuse({ taskGraph, inputs: INPUTS, idempotencyKey }, Code.InvalidArgument, tooLong);
    const foreign = { taskGraph, inputs: INPUTS, resourceGroupId: 9n };
    await refuse(foreign, Code.NotFound, 'resource group 9 does not exist');
    await expect(storage.jobs.getJob({ jobId: 1n })).rejects.toEqual(
      refusedWith(Code.NotFound, 'job 1 does not exist'),
    );
  });
});

test('a job that nobody has submitted is not found', async () => {
  await using storage = await TestStorage.start();
  for (const jobId of [0n, 7n, 2n ** 64n - 1n]) {
    const missing = refusedWith(Code.NotFound, `job ${jobId} does not exist`);
    await expect(storage.jobs.getJob({ jobId })).rejects.toEqual(missing);
    await expect(storage.jobs.startJob({ jobId })).rejects.toEqual(missing);
    await expect(storage.jobs.cancelJob({ jobId })).rejects.toEqual(missing);
    await expect(storage.jobs.getJobOutputs({ jobId })).rejects.toEqual(missing);
    await expect(collect(storage.jobs.watchJob({ jobId }))).rejects.toEqual(missing);
  }
});

test('what a state does not allow is refused, and says the state', async () => {
  await using storage = await TestStorage.start();
  const refuse = async (call: Promise<unknown>, state: string): Promise<void> => {
    await expect(call).rejects.toEqual(refusedWith(Code.FailedPrecondition, state));
  };
  const running = await storage.submit(chain(1));
  await refuse(storage.jobs.startJob({ jobId: running }), 'is RUNNING');
  await refuse(storage.jobs.getJobOutputs({ jobId: running }), 'is RUNNING');
  await storage.jobs.cancelJob({ jobId: running });
  await refuse(storage.jobs.cancelJob({ jobId: running }), 'is CANCELLED');
  await refuse(storage.jobs.startJob({ jobId: running }), 'is CANCELLED');
  await refuse(storage.jobs.getJobOutputs({ jobId: running }), 'is CANCELLED');
});

describe('who watches a job', () => {
  test('is told its status at once, its progress, and its end', async () => {
    await using storage = await TestStorage.start({
      config: { runtime: { jobs: { watch_interval_ms: 1 } } },
    });
    const jobId = await storage.submit(flat(3));
    const worker = await ScriptedExecutionManager.register(storage.transport);
    const seen: [number, number][] = [];
    let [leased, succeeded] = [0, 0];
    for await (const { status } of storage.jobs.watchJob({ jobId })) {
      const state = fromWireJobState(status?.state ?? 0);
      const { succeededTasks = 0 } = status ?? {};
      seen.push([state, succeededTasks]);
      // Each step is taken when the one before it was seen.
      if (state !== JobState.Running || succeededTasks === 3) continue;
      if (leased === succeededTasks) {
        leased += 1;
        await worker.lease([{ jobId, taskIndex: succeededTasks }]);
      } else if (status?.runningTasks === 1 && succeeded === succeededTasks) {
        succeeded += 1;
        worker.succeed(worker.leased.slice(-1), OUTPUT);
      }
    }
    expect(seen[0]).toEqual([JobState.Running, 0]);
    expect(seen).toContainEqual([JobState.Running, 1]);
    expect(seen).toContainEqual([JobState.Running, 2]);
    expect(seen.at(-1)).toEqual([JobState.Succeeded, 3]);
  });

  test('may ask for the end alone', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(chain(2));
    const watched = collect(storage.jobs.watchJob({ jobId, minIntervalMs: 0xffff_ffff }));
    await runToEnd(storage, jobId, 2);
    expect((await watched).map(({ status }) => status?.state)).toEqual([JobState.Succeeded]);
  });

  test('hears of a job that has ended already', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(chain(1));
    await storage.jobs.cancelJob({ jobId });
    const watched = await collect(storage.jobs.watchJob({ jobId }));
    expect(watched.map(({ status }) => status?.state)).toEqual([JobState.Cancelled]);
  });
});

test('a job that has left memory is read from the database', async () => {
  const clock = new SteppedClock();
  await using storage = await TestStorage.start({
    clock,
    config: { runtime: { journal: { flush_records: 1 } } },
  });
  const jobId = await storage.submit(chain(2));
  await runToEnd(storage, jobId, 2);
  const watched = await collect(storage.jobs.watchJob({ jobId }));
  const inMemory = watched.at(-1)?.status;
  expect(inMemory).toMatchObject({ state: JobState.Succeeded, succeededTasks: 2 });
  clock.advance(301_000);
  expect((await storage.jobs.getJob({ jobId })).status).toEqual(inMemory);
  expect((await storage.jobs.getJobOutputs({ jobId })).serializedOutputs).toHaveLength(10);
  await expect(storage.jobs.cancelJob({ jobId })).rejects.toEqual(
    refusedWith(Code.FailedPrecondition, 'is SUCCEEDED'),
  );
});
