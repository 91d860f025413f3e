import { createClient } from '@connectrpc/connect';
import { JobState } from '@spider/core';
import { ClusterService, WireExecutionManagerState, WorkerService } from '@spider/proto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chain, flat } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { TestStorage } from '../testing/test-storage.ts';

const OUTPUT = [new Uint8Array([1])];
const DAY_MS = 86_400_000;

let clock: SteppedClock;
let storage: TestStorage;

/** Only a stream that stays closed is found out; no heartbeats are waited for. */
beforeEach(async () => {
  clock = new SteppedClock();
  storage = await TestStorage.start({
    clock,
    config: {
      runtime: {
        journal: { flush_records: 1 },
        execution_managers: { stream_grace_ms: 3_000, heartbeat_interval_ms: DAY_MS },
      },
    },
  });
});
afterEach(() => storage[Symbol.asyncDispose]());

const register = () => ScriptedExecutionManager.register(storage.transport);
const statusOf = async (jobId: bigint) => (await storage.jobs.getJob({ jobId })).status;

async function endOf(jobId: bigint): Promise<number | undefined> {
  const watched = await collect(storage.jobs.watchJob({ jobId }));
  return watched.at(-1)?.status?.state;
}

test('the answer to a registration: whoever it was for registers again, and its first self ends', async () => {
  const client = createClient(WorkerService, storage.transport);
  // Neither is the answer read, nor does anybody come under this id.
  await client.registerExecutionManager({ host: 'lost', slots: 1 });
  const manager = await register();
  clock.advance(3_000);
  const cluster = createClient(ClusterService, storage.transport);
  const { executionManagers } = await cluster.listExecutionManagers({ includeDead: true });
  expect(executionManagers).toMatchObject([
    { executionManagerId: manager.id, state: WireExecutionManagerState.ALIVE },
    { host: 'lost', state: WireExecutionManagerState.DEAD },
  ]);
});

test('ready tasks on their way to a scheduler: the next stream gets them', async () => {
  const jobId = await storage.submit(flat(3));
  const before = await ScriptedScheduler.connect(storage.transport);
  before.send({ credit: 3 });
  await before.take(3);
  before.stream.cancel();
  const after = await ScriptedScheduler.connect(storage.transport);
  after.send({ credit: 3 });
  const tasks = await after.take(3);
  expect(tasks.map(({ taskIndex }) => taskIndex).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
  expect(tasks[0]?.jobId).toBe(jobId);
});

test('contexts on their way: what came is not listed, so it is given back and asked for anew', async () => {
  const jobId = await storage.submit(chain(1, { maxRetries: 0 }));
  const before = await register();
  const [lost] = await before.lease([{ jobId, taskIndex: 0 }]);
  before.stream.cancel();
  const after = await ScriptedExecutionManager.connect(storage.transport, before.id);
  const leased = await after.lease([{ jobId, taskIndex: 0 }]);
  expect(leased[0]?.instance).toBeGreaterThan(lost?.instance ?? 0n);
  await after.flushed(after.succeed(leased, OUTPUT));
  expect(await endOf(jobId)).toBe(JobState.Succeeded);
  expect(await statusOf(jobId)).toMatchObject({ failedAttempts: 0 });
});

test('a report on its way: it is held until it is sent again, and nothing runs meanwhile', async () => {
  const jobId = await storage.submit(chain(1));
  const before = await register();
  const leased = await before.lease([{ jobId, taskIndex: 0 }]);
  before.stream.cancel();
  const after = await ScriptedExecutionManager.connect(storage.transport, before.id, {
    held: leased,
    lastSequence: 1n,
  });
  expect(await statusOf(jobId)).toMatchObject({ runningTasks: 1, readyTasks: 0 });
  // Nobody else gets it.
  const other = await register();
  other.askFor(jobId, [0]);
  await other.inbox.first(({ refused }) => refused[0]);
  await after.flushed(after.succeed(leased, OUTPUT));
  expect(await endOf(jobId)).toBe(JobState.Succeeded);
});

test('the answer to a report: it comes twice, counts once, and is answered again', async () => {
  const jobId = await storage.submit(chain(2));
  const before = await register();
  const leased = await before.lease([{ jobId, taskIndex: 0 }]);
  const sequence = before.succeed(leased, OUTPUT);
  await before.flushed(sequence);
  before.stream.cancel();
  const after = await ScriptedExecutionManager.connect(storage.transport, before.id, {
    held: leased,
    lastSequence: sequence - 1n,
  });
  await after.flushed(after.succeed(leased, OUTPUT));
  expect(after.inbox.all.flatMap(({ cancelled }) => cancelled)).toEqual([]);
  expect(await statusOf(jobId)).toMatchObject({ succeededTasks: 1, readyTasks: 1 });
});

test('a report that comes too late: another has taken the place of its instance, and it changes nothing', async () => {
  const jobId = await storage.submit(chain(1, { maxRetries: 0 }));
  const slow = await register();
  const late = await slow.lease([{ jobId, taskIndex: 0 }]);
  slow.stream.cancel();
  const heir = await register();
  // It has been given up after the grace, which costs no retry.
  await clock.advanceUntil(
    (async () => {
      while (((await statusOf(jobId))?.readyTasks ?? 0) === 0);
    })(),
  );
  const leased = await heir.lease([{ jobId, taskIndex: 0 }]);
  // The slow one comes back under a new id, with what it had.
  const back = await register();
  const sequence = back.succeed(late, [new Uint8Array([9])]);
  await back.flushed(sequence);
  expect(await statusOf(jobId)).toMatchObject({ state: JobState.Running, runningTasks: 1 });
  await heir.flushed(heir.succeed(leased, OUTPUT));
  expect(await endOf(jobId)).toBe(JobState.Succeeded);
  expect(await statusOf(jobId)).toMatchObject({ failedAttempts: 0 });
});

test('the word that an execution manager leaves: the grace does the same a little later', async () => {
  const jobId = await storage.submit(chain(1));
  const leaver = await register();
  await leaver.lease([{ jobId, taskIndex: 0 }]);
  leaver.stream.cancel();
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  scheduler.send({ credit: 1 });
  expect(await clock.advanceUntil(scheduler.take(1))).toEqual([{ jobId, taskIndex: 0 }]);
});
