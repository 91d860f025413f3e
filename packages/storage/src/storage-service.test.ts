import { createConnectRouter } from '@connectrpc/connect';
import { decodeFrame, decodeSerializedOutputs, JobState } from '@spider/core';
import { nodeZstd } from '@spider/runtime/node';
import { expect, test } from 'vitest';
import { STORAGE_SERVICES } from './rpc/services.ts';
import { chain, diamond } from './testing/graphs.ts';
import { Restarts } from './testing/restarts.ts';
import { ScriptedExecutionManager } from './testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from './testing/scripted-scheduler.ts';
import { TestStorage } from './testing/test-storage.ts';

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

test('a job runs from its submission to its outputs', async () => {
  await using storage = await TestStorage.start();
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  const worker = await ScriptedExecutionManager.register(storage.transport);
  scheduler.send({ credit: 10 });

  const jobId = await storage.submit(diamond(), bytes(7));
  const roots = await scheduler.take(2);
  expect(roots).toEqual([
    { jobId, taskIndex: 0 },
    { jobId, taskIndex: 1 },
  ]);
  const leased = await worker.lease(roots);
  expect(leased.map(({ kind, inputs }) => [kind, decodeFrame(inputs)])).toEqual([
    ['test/take1', [bytes(7)]],
    ['test/take1', [bytes(7)]],
  ]);
  const [left, right] = leased;
  worker.succeed([left!], [bytes(1)]);
  await worker.flushed(worker.succeed([right!], [bytes(2)]));

  const joined = await worker.lease(await scheduler.take(1));
  expect(joined[0]?.taskIndex).toBe(2);
  expect(decodeFrame(joined[0]!.inputs)).toEqual([bytes(1), bytes(2)]);
  await worker.flushed(worker.succeed(joined, [bytes(3)]));

  const states = [];
  for await (const { status } of storage.jobs.watchJob({ jobId })) states.push(status?.state);
  expect(states.at(-1)).toBe(JobState.Succeeded);
  const { status } = await storage.jobs.getJob({ jobId });
  expect(status).toMatchObject({ totalTasks: 3, succeededTasks: 3, runningTasks: 0 });
  const { serializedOutputs } = await storage.jobs.getJobOutputs({ jobId });
  expect(decodeFrame(decodeSerializedOutputs(serializedOutputs, nodeZstd))).toEqual([bytes(3)]);
  await scheduler.inbox.first(({ endedJobIds }) => (endedJobIds[0] === jobId ? true : undefined));
});

test('all that it serves may be asked for its health', async () => {
  await using storage = await TestStorage.start();
  const router = createConnectRouter();
  storage.service.routes(router);
  const served = new Set(router.handlers.map(({ service }) => service.typeName));
  expect(new Set(STORAGE_SERVICES.map(({ typeName }) => typeName))).toEqual(served);
});

test('what was reported before a stop is durable after it', async () => {
  await using restarts = await Restarts.create();
  // Nothing is flushed by the time that has passed.
  const before = await restarts.start({ runtime: { journal: { flush_interval_ms: 60_000 } } });
  const jobId = await before.submit(chain(2));
  const first = await ScriptedScheduler.connect(before.transport);
  first.send({ credit: 10 });
  const worker = await ScriptedExecutionManager.register(before.transport);
  worker.succeed(await worker.lease(await first.take(1)), [bytes(1)]);
  // What follows from a report shows that it has arrived.
  await first.take(1);
  expect((await before.jobs.getJob({ jobId })).status).toMatchObject({
    succeededTasks: 1,
    flushedTasks: 0,
  });
  await before.service.drain();
  expect((await before.jobs.getJob({ jobId })).status?.flushedTasks).toBe(1);
  await expect(before.submit(chain(1))).rejects.toThrow('storage is stopping');

  const after = await restarts.start();
  expect((await after.jobs.getJob({ jobId })).status).toMatchObject({
    succeededTasks: 1,
    flushedTasks: 1,
  });
  const second = await ScriptedScheduler.connect(after.transport);
  second.send({ credit: 10 });
  expect(await second.take(1)).toEqual([{ jobId, taskIndex: 1 }]);
});
