import { Code } from '@connectrpc/connect';
import { encodeFrame, JobState } from '@spider/core';
import { toWireDurability } from '@spider/proto';
import { expect, test } from 'vitest';
import { chain, encoded } from '../testing/graphs.ts';
import { Restarts } from '../testing/restarts.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { TestStorage } from '../testing/test-storage.ts';

const request = {
  taskGraph: encoded(chain(2)),
  inputs: encodeFrame([new Uint8Array([1])]),
  start: true,
};
const OUTPUT = [new Uint8Array([7])];

test('each job has the durability that it asked for, else that of the server', async () => {
  const config = { runtime: { journal: { durability: 'sync' } } };
  await using restarts = await Restarts.create();
  const first = await restarts.start(config);
  const ids: bigint[] = [];
  for (const durability of ['job', 'task', undefined] as const) {
    const submission = { ...request, durability: toWireDurability(durability) };
    ids.push((await first.jobs.submitJob(submission)).jobId);
  }
  const worker = await ScriptedExecutionManager.register(first.transport);
  for (const jobId of ids) worker.succeed(await worker.lease([{ jobId, taskIndex: 0 }]), OUTPUT);
  await worker.flushed(worker.lastSequence);

  const second = await restarts.start({ runtime: { journal: { durability: 'job' } } });
  const found = [];
  for (const jobId of ids) {
    const { status } = await second.jobs.getJob({ jobId });
    found.push([status?.durability, status?.state, status?.succeededTasks]);
  }
  expect(found).toEqual([
    [toWireDurability('job'), JobState.Running, 0],
    [toWireDurability('task'), JobState.Running, 1],
    [toWireDurability('sync'), JobState.Running, 1],
  ]);
});

test('a policy that does not exist is refused, and leaves nothing behind', async () => {
  await using storage = await TestStorage.start();
  const refuse = async (change: object, text: string): Promise<void> => {
    await expect(storage.jobs.submitJob({ ...request, ...change })).rejects.toEqual(
      expect.objectContaining({
        code: Code.InvalidArgument,
        message: expect.stringContaining(text) as string,
      }),
    );
  };
  await refuse({ durability: 4 }, 'durability: there is none of the number 4');
  await refuse({ failurePolicy: 3 }, 'failure_policy: there is none of the number 3');
  await refuse(
    { deadlineMs: 31_536_000_001n },
    'deadline_ms: 31536000001 is more than 31536000000',
  );
  await refuse(
    { deadlineAtMs: 2n ** 64n - 1n },
    'deadline_at_ms: 18446744073709551615 is more than 8640000000000000',
  );
  expect((await storage.jobs.listJobs({})).jobs).toEqual([]);
});
