import { Code, createClient } from '@connectrpc/connect';
import {
  ClusterService,
  WireExecutionManagerState as State,
  WireServerRole,
  WorkerService,
} from '@spider/proto';
import { createInMemoryTransport } from '@spider/runtime';
import { describe, expect, test, vi } from 'vitest';
import { ReferenceWorld } from '../../test/raw-grpc/reference-world.ts';
import { flat } from '../testing/graphs.ts';
import { Restarts } from '../testing/restarts.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { TestStorage } from '../testing/test-storage.ts';
import { createStandbyClusterService } from './cluster-service.ts';

const clusterOf = ({ transport }: Pick<TestStorage, 'transport'>) =>
  createClient(ClusterService, transport);

/** However slow the machine is just now. */
const eventually = (check: () => Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 20_000 });

const refusedWith = (code: Code, text: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string });

describe('a storage', () => {
  test('says who it is', async () => {
    await using storage = await TestStorage.start();
    expect(await clusterOf(storage).getServerInfo({})).toMatchObject({
      version: '1.2.3',
      role: WireServerRole.ACTIVE,
      sessionId: storage.service.sessionId,
      databaseEngine: 'sqlite',
      startedAtMs: 1n,
    });
  });

  test('that waits for its turn says so, and sends all else to the active one', async () => {
    const clock = new SteppedClock();
    const startedAt = clock.now();
    const identity = { version: '1.2.3', engine: 'mysql', startedAt } as const;
    const transport = createInMemoryTransport((router) =>
      router.service(ClusterService, createStandbyClusterService({ identity, clock }, 'ask b')),
    );
    const cluster = createClient(ClusterService, transport);
    expect(await cluster.getServerInfo({})).toMatchObject({
      role: WireServerRole.STANDBY,
      sessionId: 0n,
      databaseEngine: 'mysql',
      uptimeMs: 0n,
    });
    const unavailable = refusedWith(Code.Unavailable, 'ask b');
    await expect(cluster.listExecutionManagers({})).rejects.toEqual(unavailable);
    await expect(cluster.listSchedulers({})).rejects.toEqual(unavailable);
    await expect(cluster.getQueues({})).rejects.toEqual(unavailable);
    await expect(cluster.drainExecutionManager({})).rejects.toEqual(unavailable);
  });
});

describe('execution managers', () => {
  test('are listed with what they say of themselves, the newest first, in pages', async () => {
    await using storage = await TestStorage.start();
    const cluster = clusterOf(storage);
    const workers = createClient(WorkerService, storage.transport);
    const register = async (host: string, slots: number) =>
      (await workers.registerExecutionManager({ host, slots, version: '0.9.0' }))
        .executionManagerId;
    const ids = [await register('a', 1), await register('b', 2), await register('c', 3)];
    const manager = await ScriptedExecutionManager.connect(storage.transport, ids[1] ?? 0n);
    const load = { runningTasks: 2, waitingTasks: 30, unflushedReports: 400, draining: false };
    manager.send({ load });

    const first = await cluster.listExecutionManagers({ pageSize: 1 });
    expect(first.executionManagers).toMatchObject([
      { executionManagerId: ids[2], host: 'c', slots: 3, connected: false, lastHeardAtMs: 0n },
    ]);
    await eventually(async () => {
      const { executionManagers, nextPageToken } = await cluster.listExecutionManagers({
        pageSize: 2,
        pageToken: first.nextPageToken,
      });
      expect(nextPageToken).toBe('');
      const { draining: _, ...counts } = load;
      expect(executionManagers).toMatchObject([
        { host: 'b', version: '0.9.0', state: State.ALIVE, connected: true, ...counts },
        { host: 'a', version: '0.9.0', state: State.ALIVE, connected: false, runningTasks: 0 },
      ]);
      expect(executionManagers[0]?.lastHeardAtMs).toBeGreaterThan(0n);
      expect(executionManagers[0]?.registeredAtMs).toBeGreaterThan(0n);
    });
  });

  test('that have ended are listed if they are asked for, with the reason', async () => {
    const clock = new SteppedClock();
    const limits = { stream_grace_ms: 3_000, heartbeat_interval_ms: 86_400_000 };
    const config = { runtime: { execution_managers: limits } };
    await using storage = await TestStorage.start({ clock, config });
    const cluster = clusterOf(storage);
    const { id: leaver } = await ScriptedExecutionManager.register(storage.transport);
    await createClient(WorkerService, storage.transport).deregisterExecutionManager({
      executionManagerId: leaver,
    });
    const lost = await ScriptedExecutionManager.register(storage.transport);
    lost.stream.cancel();
    const listed = async () =>
      (await cluster.listExecutionManagers({ includeDead: true })).executionManagers;
    const isOver = async (): Promise<void> => {
      while ((await listed())[0]?.endedAtMs === 0n);
    };
    await clock.advanceUntil(isOver());
    expect(await listed()).toMatchObject([
      { executionManagerId: lost.id, state: State.DEAD, endReason: 'its stream stayed closed' },
      { executionManagerId: leaver, state: State.DEAD, endReason: 'it has left' },
    ]);
    expect((await cluster.listExecutionManagers({})).executionManagers).toEqual([]);
    const page = await cluster.listExecutionManagers({ includeDead: true, pageSize: 1 });
    expect(page.nextPageToken).toBe(String(lost.id));
  });

  test('are not listed in pages that are too large, or from nowhere', async () => {
    await using storage = await TestStorage.start();
    const cluster = clusterOf(storage);
    await expect(cluster.listExecutionManagers({ pageSize: 1001 })).rejects.toEqual(
      refusedWith(Code.InvalidArgument, 'page_size: 1001 is more than 1000'),
    );
    await expect(cluster.listExecutionManagers({ pageToken: 'x' })).rejects.toEqual(
      refusedWith(Code.InvalidArgument, 'page_token'),
    );
  });

  test('say more of their version than there is room for, and are refused', async () => {
    await using storage = await TestStorage.start();
    const workers = createClient(WorkerService, storage.transport);
    const version = 'x'.repeat(65);
    await expect(workers.registerExecutionManager({ slots: 1, version })).rejects.toEqual(
      refusedWith(Code.InvalidArgument, 'version: 65 bytes are more than 64'),
    );
  });
});

describe('a drain', () => {
  test('is told to the execution manager, once, and again on each new stream', async () => {
    await using storage = await TestStorage.start();
    const cluster = clusterOf(storage);
    const manager = await ScriptedExecutionManager.register(storage.transport);
    const ask = { executionManagerId: manager.id };
    expect((await cluster.drainExecutionManager(ask)).state).toBe(State.DRAINING);
    await manager.inbox.first(({ drain }) => drain || undefined);
    expect((await cluster.drainExecutionManager(ask)).state).toBe(State.DRAINING);
    const { executionManagers } = await cluster.listExecutionManagers({});
    expect(executionManagers[0]).toMatchObject({ state: State.DRAINING });
    expect(executionManagers[0]?.drainRequestedAtMs).toBeGreaterThan(0n);

    const again = await ScriptedExecutionManager.connect(storage.transport, manager.id);
    await again.inbox.first(({ drain }) => drain || undefined);
    expect(manager.inbox.all.filter(({ drain }) => drain)).toHaveLength(1);
    await createClient(WorkerService, storage.transport).deregisterExecutionManager(ask);
    expect((await cluster.drainExecutionManager(ask)).state).toBe(State.DEAD);
  });

  test('survives a restart of storage before the execution manager has heard of it', async () => {
    await using restarts = await Restarts.create();
    const before = await restarts.start();
    const workers = createClient(WorkerService, before.transport);
    const { executionManagerId } = await workers.registerExecutionManager({ slots: 1 });
    await clusterOf(before).drainExecutionManager({ executionManagerId });
    const after = await restarts.start();
    const manager = await ScriptedExecutionManager.connect(after.transport, executionManagerId);
    expect(await manager.inbox.first(({ drain }) => drain || undefined)).toBe(true);
  });

  test('of nobody, or of one that cannot be told, is refused', async () => {
    await using world = await ReferenceWorld.start();
    const cluster = clusterOf(world.storage);
    await expect(cluster.drainExecutionManager({ executionManagerId: 404n })).rejects.toEqual(
      refusedWith(Code.NotFound, 'execution manager 404 does not exist'),
    );
    const executionManagerId = await world.registerManager();
    await expect(cluster.drainExecutionManager({ executionManagerId })).rejects.toEqual(
      refusedWith(Code.FailedPrecondition, 'end its process instead'),
    );
  });

  test('is one that the execution manager tells of itself, too', async () => {
    await using storage = await TestStorage.start();
    const manager = await ScriptedExecutionManager.register(storage.transport);
    manager.send({ load: { draining: true } });
    await eventually(async () => {
      const { executionManagers } = await clusterOf(storage).listExecutionManagers({});
      expect(executionManagers).toMatchObject([{ state: State.DRAINING, drainRequestedAtMs: 0n }]);
    });
  });
});

test('the scheduler is listed with whether it is connected', async () => {
  await using storage = await TestStorage.start();
  const cluster = clusterOf(storage);
  expect((await cluster.listSchedulers({})).schedulers).toEqual([]);
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  const { schedulers } = await cluster.listSchedulers({});
  expect(schedulers).toMatchObject([{ host: 'scheduler', port: 1, connected: true }]);
  scheduler.stream.cancel();
  await eventually(async () => {
    const [listed] = (await cluster.listSchedulers({})).schedulers;
    expect(listed).toMatchObject({ schedulerId: schedulers[0]?.schedulerId, connected: false });
  });
});

test('the queues count what is ready, what is handed out, and what is not durable', async () => {
  // Nothing is flushed within this test unless it has to be at once.
  await using storage = await TestStorage.start({
    config: { runtime: { journal: { flush_interval_ms: 60_000 } } },
  });
  const cluster = clusterOf(storage);
  const none = { readyTasks: 0n, handedOutTasks: 0n, waitingPolls: 0 };
  expect(await cluster.getQueues({})).toMatchObject({
    commit: none,
    cleanup: none,
    regular: none,
    journal: { records: 0n, bytes: 0n, lagMs: 0n },
    unfinishedJobs: 0n,
  });
  await storage.submit(flat(10));
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  scheduler.send({ credit: 4 });
  const tasks = await scheduler.take(4);
  const manager = await ScriptedExecutionManager.register(storage.transport);
  const [leased] = await manager.lease(tasks.slice(0, 1));
  manager.succeed([leased!], [new Uint8Array(1)]);
  await eventually(async () => {
    expect(await cluster.getQueues({})).toMatchObject({
      regular: { readyTasks: 6n, handedOutTasks: 3n, waitingPolls: 0 },
      journal: { records: 1n },
      unfinishedJobs: 1n,
    });
  });
  expect((await cluster.getQueues({})).journal?.bytes).toBeGreaterThan(0n);
});
