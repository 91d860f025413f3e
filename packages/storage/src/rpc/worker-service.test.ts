import { create } from '@bufbuild/protobuf';
import { Code, createClient } from '@connectrpc/connect';
import {
  JobState,
  LIMITS,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
  TaskOutcome,
} from '@spider/core';
import { ExchangeRequestSchema, WireTaskOutcome, WorkerService } from '@spider/proto';
import type { ExchangeRequest, TaskContexts } from '@spider/proto';
import { OutgoingStream } from '@spider/runtime';
import type { Clock } from '@spider/runtime';
import { describe, expect, test } from 'vitest';
import type { WriterRight } from '../lease/writer-lease-keeper.ts';
import { chain, diamond, flat } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import type { LeasedTask } from '../testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { TestStorage } from '../testing/test-storage.ts';

const OUTPUT = [new Uint8Array([1])];
const taskIndexesOf = ({ instances }: TaskContexts): number[] => instances?.taskIndexes ?? [];

async function start(config: unknown = {}, clock?: Clock, right?: WriterRight) {
  const storage = await TestStorage.start({
    config,
    ...(clock && { clock }),
    ...(right && { right }),
  });
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  scheduler.send({ credit: 1000 });
  const stateOf = async (jobId: bigint): Promise<number | undefined> =>
    (await storage.jobs.getJob({ jobId })).status?.state;
  /** A stream that is used like any other: the server has survived. */
  const isSound = async (): Promise<void> => {
    const worker = await ScriptedExecutionManager.register(storage.transport);
    const jobId = await storage.submit(chain(1));
    const leased = await worker.lease([{ jobId, taskIndex: 0 }]);
    await worker.flushed(worker.succeed(leased, OUTPUT));
    const watched = await collect(storage.jobs.watchJob({ jobId }));
    expect(watched.at(-1)?.status?.state).toBe(JobState.Succeeded);
  };
  return {
    storage,
    scheduler,
    transport: storage.transport,
    stateOf,
    isSound,
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };
}

const register = (transport: TestStorage['transport']): Promise<ScriptedExecutionManager> =>
  ScriptedExecutionManager.register(transport);

describe('an execution manager that is gone', () => {
  const DAY_MS = 86_400_000;
  /** Time stands still: nothing may wait for a timer but what a test is about. */
  const still = (limits: { stream_grace_ms: number; heartbeat_interval_ms: number }) => ({
    runtime: { journal: { flush_records: 1 }, execution_managers: limits },
  });

  test('leaves its tasks to others when its stream stays closed', async () => {
    const clock = new SteppedClock();
    const config = still({ stream_grace_ms: 3000, heartbeat_interval_ms: DAY_MS });
    await using world = await start(config, clock);
    const jobId = await world.storage.submit(flat(2));
    const [lost, heir] = [await register(world.transport), await register(world.transport)];
    await lost.lease(await world.scheduler.take(2));
    lost.stream.cancel();
    const again = await clock.advanceUntil(world.scheduler.take(2));
    expect(again.map(({ taskIndex }) => taskIndex).toSorted((a, b) => a - b)).toEqual([0, 1]);
    const leased = await heir.lease(again);
    await heir.flushed(heir.succeed(leased, OUTPUT));
    expect((await world.storage.jobs.getJob({ jobId })).status?.succeededTasks).toBe(2);
    // It had its time. Now it has to register anew.
    const late = new ScriptedExecutionManager(world.transport, lost.id);
    late.send({ hello: { executionManagerId: lost.id } });
    expect(await late.inbox.closed()).toMatchObject({
      code: 'failed-precondition',
      message: `execution manager ${lost.id} is unknown or lost: register again`,
    });
  });

  test('is found out by its silence', async () => {
    const clock = new SteppedClock();
    const config = still({ stream_grace_ms: 3000, heartbeat_interval_ms: 1000 });
    await using world = await start(config, clock);
    const jobId = await world.storage.submit(chain(1));
    const silent = await register(world.transport);
    await silent.lease(await world.scheduler.take(1));
    clock.advance(9999);
    // The answer shows that the sign of life was heard.
    const heard = silent.inbox.all.length;
    silent.send({});
    await silent.inbox.first(() => (silent.inbox.all.length > heard ? true : undefined));
    clock.advance(9999);
    expect(world.scheduler.tasks).toHaveLength(1);
    expect(await clock.advanceUntil(silent.inbox.closed())).toMatchObject({
      code: 'unavailable',
      message: `execution manager ${silent.id} said nothing for 10000 ms`,
    });
    expect(world.scheduler.tasks).toHaveLength(1);
    expect(await clock.advanceUntil(world.scheduler.take(1))).toEqual([{ jobId, taskIndex: 0 }]);
  });

  test('by its own word frees its tasks at once', async () => {
    await using world = await start();
    const jobId = await world.storage.submit(chain(1));
    const leaving = await register(world.transport);
    await leaving.lease(await world.scheduler.take(1));
    const client = createClient(WorkerService, world.transport);
    await client.deregisterExecutionManager({ executionManagerId: leaving.id });
    expect(await world.scheduler.take(1)).toEqual([{ jobId, taskIndex: 0 }]);
    expect(await leaving.inbox.closed()).toBeUndefined();
    await client.deregisterExecutionManager({ executionManagerId: leaving.id });
  });
});

test('an execution manager that pings is told how long it may be silent, and its heartbeats are not answered', async () => {
  await using world = await start();
  const { id } = await register(world.transport);
  const worker = new ScriptedExecutionManager(world.transport, id);
  worker.send({ hello: { executionManagerId: id, pings: true } });
  const { heartbeatIntervalMs, silenceMs } = await worker.inbox.first(({ welcome }) => welcome);
  expect({ heartbeatIntervalMs, silenceMs }).toEqual({
    heartbeatIntervalMs: 1000,
    silenceMs: 10_000,
  });
  worker.send({});
  worker.askFor(7n, [0]);
  // The heartbeat came before.
  await worker.inbox.first(({ refused }) => (refused.length > 0 ? true : undefined));
  expect(worker.inbox.all).toHaveLength(2);
});

test('execution managers lose their streams when the right to write is not sure any more', async () => {
  const listeners: ((isSure: boolean) => void)[] = [];
  const right = {
    isSure: true,
    assertSure: () => undefined,
    onChange: (listener: (isSure: boolean) => void) => void listeners.push(listener),
  };
  await using world = await start({}, undefined, right);
  const worker = await register(world.transport);
  for (const tell of listeners) tell(false);
  expect(await worker.inbox.closed()).toMatchObject({
    code: 'unavailable',
    message: 'it is not sure that this storage still has the right to write',
  });
});

describe('an execution manager that comes back', () => {
  test('keeps what it says it holds, and loses the rest', async () => {
    await using world = await start();
    const jobId = await world.storage.submit(flat(2));
    const before = await register(world.transport);
    const [held, forgotten] = await before.lease(await world.scheduler.take(2));
    before.stream.cancel();
    const after = await ScriptedExecutionManager.connect(world.transport, before.id, {
      held: [held!],
    });
    expect(await world.scheduler.take(1)).toEqual([{ jobId, taskIndex: forgotten!.taskIndex }]);
    await after.flushed(after.succeed([held!], OUTPUT));
    expect((await world.storage.jobs.getJob({ jobId })).status).toMatchObject({
      succeededTasks: 1,
      readyTasks: 1,
    });
  });

  test('replaces its earlier stream, which has nothing to say any more', async () => {
    await using world = await start();
    const jobId = await world.storage.submit(chain(1));
    const before = await register(world.transport);
    const leased = await before.lease([{ jobId, taskIndex: 0 }]);
    const after = await ScriptedExecutionManager.connect(world.transport, before.id, {
      held: leased,
    });
    expect(await before.inbox.closed()).toMatchObject({ code: 'failed-precondition' });
    await after.flushed(after.succeed(leased, OUTPUT));
    await world.isSound();
  });

  test('is told to stop what belongs to no job', async () => {
    await using world = await start();
    const worker = await register(world.transport);
    worker.stream.cancel();
    const stray = { jobId: 99n, taskIndex: 3, instance: 5n };
    const after = await ScriptedExecutionManager.connect(world.transport, worker.id, {
      held: [stray],
    });
    const cancelled = await after.inbox.first(({ cancelled }) => cancelled[0]);
    expect(cancelled).toMatchObject({ jobId: 99n, instanceBase: 5n, taskIndexes: [3] });
  });
});

describe('reports', () => {
  test('count once and are answered each time', async () => {
    await using world = await start();
    const jobId = await world.storage.submit(chain(2));
    const worker = await register(world.transport);
    const leased = await worker.lease([{ jobId, taskIndex: 0 }]);
    const first = worker.succeed(leased, OUTPUT);
    await worker.flushed(worker.succeed(leased, OUTPUT));
    expect(first).toBe(1n);
    // On a stream of later, the same message again.
    worker.stream.cancel();
    const again = await ScriptedExecutionManager.connect(world.transport, worker.id);
    await again.flushed(again.succeed(leased, OUTPUT));
    expect((await world.storage.jobs.getJob({ jobId })).status).toMatchObject({
      succeededTasks: 1,
      readyTasks: 1,
      failedAttempts: 0,
    });
  });

  test('of what nobody asked for change nothing and may be forgotten', async () => {
    await using world = await start();
    const jobId = await world.storage.submit(chain(1));
    const worker = await register(world.transport);
    const never = (taskIndex: number, job = jobId): LeasedTask => ({
      jobId: job,
      taskIndex,
      instance: 1n,
      kind: '',
      inputs: new Uint8Array(0),
    });
    await worker.flushed(worker.succeed([never(0), never(7), never(0, 404n)], OUTPUT));
    expect(await world.stateOf(jobId)).toBe(JobState.Running);
    expect(world.storage.service.counters.staleReports).toBe(1);
  });

  test('of failures use up the retries, then fail the job with their message', async () => {
    await using world = await start();
    const jobId = await world.storage.submit(chain(1, { maxRetries: 1 }));
    const worker = await register(world.transport);
    const fail = async (message: string): Promise<void> => {
      const [task] = await worker.lease(await world.scheduler.take(1));
      const payload = Buffer.from(message);
      await worker.flushed(worker.report([{ ...task!, outcome: TaskOutcome.Failed, payload }]));
    };
    await fail('first');
    expect(await world.stateOf(jobId)).toBe(JobState.Running);
    await fail('second');
    const watched = await collect(world.storage.jobs.watchJob({ jobId }));
    expect(watched.at(-1)?.status).toMatchObject({ state: JobState.Failed, failedAttempts: 2 });
    expect(watched.at(-1)?.status?.errorMessage).toContain('second');
  });
});

test('a slow instance may have one beside it, and the first result counts', async () => {
  const clock = new SteppedClock();
  const config = { runtime: { journal: { flush_records: 1 } } };
  await using world = await start(config, clock);
  const jobId = await world.storage.submit(chain(1, { softTimeoutMs: 500, hardTimeoutMs: 5000 }));
  const [slow, quick] = [await register(world.transport), await register(world.transport)];
  const first = await slow.lease(await world.scheduler.take(1));
  clock.advance(499);
  expect(world.scheduler.tasks).toHaveLength(1);
  clock.advance(1);
  const second = await quick.lease(await world.scheduler.take(1));
  await quick.flushed(quick.succeed(second, [new Uint8Array([2])]));
  await slow.flushed(slow.succeed(first, [new Uint8Array([1])]));
  const watched = await collect(world.storage.jobs.watchJob({ jobId }));
  expect(watched.at(-1)?.status?.state).toBe(JobState.Succeeded);
  const { serializedOutputs } = await world.storage.jobs.getJobOutputs({ jobId });
  expect(serializedOutputs.at(-1)).toBe(2);
});

test('leases are refused when there is nothing to run', async () => {
  await using world = await start();
  const jobId = await world.storage.submit(chain(2));
  const worker = await register(world.transport);
  await worker.lease([{ jobId, taskIndex: 0 }]);
  worker.askFor(jobId, [0, 1, 17]);
  worker.askFor(404n, [0]);
  await worker.inbox.first(() => (worker.refused.length === 4 ? true : undefined));
  expect(worker.refused).toEqual([
    { jobId, taskIndex: 0 },
    { jobId, taskIndex: 1 },
    { jobId, taskIndex: 17 },
    { jobId: 404n, taskIndex: 0 },
  ]);
});

describe('inputs that fill many messages', () => {
  const TASKS = 100;
  const INPUT = new Uint8Array(LIMITS.batchBytes);
  const ALL = Array.from({ length: TASKS }, (_, task) => task);

  test('come in messages of a task each', async () => {
    await using world = await start();
    const jobId = await world.storage.submit(flat(5), INPUT);
    const worker = await register(world.transport);
    worker.askFor(jobId, [0, 1, 2, 3, 4]);
    await worker.inbox.first(() => worker.leased.length === 5 || undefined);
    const counts = worker.inbox.all.map(({ contexts }) => contexts.flatMap(taskIndexesOf));
    expect(counts.filter((tasks) => tasks.length > 0)).toEqual([[0], [1], [2], [3], [4]]);
  });

  test('are not made before their execution manager reads them', async () => {
    const config = { runtime: { execution_managers: { heartbeat_interval_ms: 60_000 } } };
    await using world = await start(config);
    const jobId = await world.storage.submit(flat(TASKS), INPUT);
    const client = createClient(WorkerService, world.transport);
    const { executionManagerId } = await client.registerExecutionManager({ host: '', slots: 1 });
    const requests = new OutgoingStream<ExchangeRequest>();
    requests.push(create(ExchangeRequestSchema, { hello: { executionManagerId } }));
    requests.push(create(ExchangeRequestSchema, { leases: [{ jobId, taskIndexes: ALL }] }));
    const responses = client.exchange(requests)[Symbol.asyncIterator]();
    await responses.next();
    const running = async (): Promise<number> =>
      (await world.storage.jobs.getJob({ jobId })).status?.runningTasks ?? 0;
    for await (const { status } of world.storage.jobs.watchJob({ jobId })) {
      if ((status?.runningTasks ?? 0) > 0) break;
    }
    expect(await running()).toBeLessThan(TASKS - 20);
    const seen: number[] = [];
    while (seen.length < TASKS) {
      const result = await responses.next();
      if (result.done === true) break;
      seen.push(...result.value.contexts.flatMap(taskIndexesOf));
    }
    expect(seen).toEqual(ALL);
    requests.end();
  });

  test('fail their job if those of one task exceed the limit', async () => {
    await using world = await start();
    const half = new Uint8Array(LIMITS.taskPayloadBytes / 2);
    const jobId = await world.storage.submit(diamond(), new Uint8Array(1));
    const worker = await register(world.transport);
    const leased = await worker.lease([0, 1].map((taskIndex) => ({ jobId, taskIndex })));
    for (const task of leased) await worker.flushed(worker.succeed([task], [half]));
    worker.askFor(jobId, [2]);
    const watched = await collect(world.storage.jobs.watchJob({ jobId }));
    expect(watched.at(-1)?.status).toMatchObject({
      state: JobState.Failed,
      errorMessage: 'the inputs of task 2 have more than 67108864 bytes',
    });
    expect(worker.refused).toEqual([{ jobId, taskIndex: 2 }]);
  });
});

test('a cancelled job stops what runs of it', async () => {
  await using world = await start();
  const jobId = await world.storage.submit(flat(3));
  const worker = await register(world.transport);
  const leased = await worker.lease([0, 2].map((taskIndex) => ({ jobId, taskIndex })));
  expect((await world.storage.jobs.cancelJob({ jobId })).state).toBe(JobState.Cancelled);
  const cancelled = await worker.inbox.first(({ cancelled }) => cancelled[0]);
  expect(cancelled.taskIndexes).toEqual([0, 2]);
  expect(
    cancelled.instanceOffsets.map((offset) => cancelled.instanceBase + BigInt(offset)),
  ).toEqual(leased.map(({ instance }) => instance));
  await worker.flushed(worker.succeed(leased, OUTPUT));
});

describe('a message that breaks a rule ends its stream, says why, and does nothing else', () => {
  const ONE = { jobId: 1n, instanceBase: 1n, taskIndexes: [0], instanceOffsets: [0] };
  const SOUND = {
    instances: ONE,
    outcomes: [TaskOutcome.Succeeded],
    payloadLengths: [0],
    startedBaseMs: 1n,
    startedOffsetsMs: [0],
    elapsedUs: [0],
  };

  test.for<[string, Parameters<ScriptedExecutionManager['send']>[0], string]>([
    ['a second hello', { hello: { executionManagerId: 1n } }, 'hello'],
    ['reports without a number', { reports: [SOUND] }, 'report_sequence'],
    ['too many tasks', { leases: [{ jobId: 1n, taskIndexes: Array(5000).fill(0) }] }, 'leases'],
    [
      'columns of different lengths',
      { reportSequence: 1n, reports: [{ ...SOUND, elapsedUs: [] }] },
      'elapsed_us',
    ],
    [
      'payloads that are not there',
      { reportSequence: 1n, reports: [{ ...SOUND, payloadLengths: [4_000_000_000] }] },
      'payload_lengths',
    ],
    [
      'an outcome that does not exist',
      { reportSequence: 1n, reports: [{ ...SOUND, outcomes: [WireTaskOutcome.UNSPECIFIED] }] },
      'outcomes',
    ],
    [
      'a time beyond all times',
      { reportSequence: 1n, reports: [{ ...SOUND, startedBaseMs: 2n ** 63n }] },
      'started_base_ms',
    ],
  ])('%s', async ([, message, field]) => {
    await using world = await start();
    const worker = await register(world.transport);
    worker.send(message);
    const error = await worker.inbox.closed();
    expect(error).toMatchObject({ code: 'invalid-argument' });
    expect(error?.message).toContain(field);
    await world.isSound();
  });

  test('no hello', async () => {
    await using world = await start();
    const stranger = new ScriptedExecutionManager(world.transport, 1n);
    stranger.send({ leases: [{ jobId: 1n, taskIndexes: [0] }] });
    expect(await stranger.inbox.closed()).toMatchObject({
      code: 'invalid-argument',
      message: 'hello: is missing in the first message of the stream',
    });
    await world.isSound();
  });

  test('numbers that do not ascend', async () => {
    await using world = await start();
    const worker = await register(world.transport);
    worker.send({ reportSequence: 5n });
    worker.send({ reportSequence: 5n });
    expect(await worker.inbox.closed()).toMatchObject({ code: 'invalid-argument' });
    await world.isSound();
  });

  test('a registration of too many slots or too long a name', async () => {
    await using world = await start();
    const client = createClient(WorkerService, world.transport);
    for (const request of [{ slots: 0 }, { slots: 5000 }, { slots: 1, host: 'x'.repeat(257) }]) {
      await expect(client.registerExecutionManager(request)).rejects.toMatchObject({
        code: Code.InvalidArgument,
      });
    }
  });

  test('an execution manager that speaks a version of the future, with those that are known', async () => {
    await using world = await start();
    const client = createClient(WorkerService, world.transport);
    const refusal =
      `protocol_version: 99 is not known to this storage, which speaks versions ` +
      `${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}: update this storage first`;
    await expect(
      client.registerExecutionManager({ slots: 1, protocolVersion: 99 }),
    ).rejects.toMatchObject({ code: Code.InvalidArgument, rawMessage: refusal });
    const registered = await register(world.transport);
    registered.stream.cancel();
    const late = new ScriptedExecutionManager(world.transport, registered.id);
    late.send({ hello: { executionManagerId: registered.id, protocolVersion: 99 } });
    expect(await late.inbox.closed()).toMatchObject({ code: 'invalid-argument', message: refusal });
    await world.isSound();
  });
});
