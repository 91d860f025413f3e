import { SpiderError, timestampMs, toId } from '@spider/core';
import type { ExecutionManagerId } from '@spider/core';
import { silentLogger } from '@spider/runtime';
import { ManualClock } from '@spider/runtime/testing';
import { describe, expect, test, vi } from 'vitest';
import type { ClusterStore, StoredExecutionManager } from '../db/job-store.ts';
import type { WorkerLink } from '../ports.ts';
import { ExecutionManagerRegistry } from './execution-manager-registry.ts';

const BEATING = { host: '::1', slots: 1, hasStream: false, version: '' };

const DEAF_LINK = {
  isHearing: false,
  logs: undefined,
  closed: undefined as unknown,
  contexts: () => undefined,
  refused: () => undefined,
  cancelled: () => undefined,
  postponed: () => undefined,
  drain: () => undefined,
  close(error: unknown) {
    this.closed = error;
  },
};

const START_MS = 1_700_000_000_000;

const MOST = 20;

function start(
  options: {
    readonly streamGraceMs?: number;
    readonly stored?: readonly StoredExecutionManager[];
    readonly right?: { readonly isSure: boolean };
  } = {},
) {
  const clock = new ManualClock(START_MS);
  let issued = 0;
  const ended: bigint[] = [];
  const lost: number[] = [];
  const store: Pick<
    ClusterStore,
    | 'registerExecutionManager'
    | 'findExecutionManager'
    | 'endExecutionManager'
    | 'listExecutionManagers'
  > = {
    listExecutionManagers: async () => options.stored ?? [],
    registerExecutionManager: async () => toId<ExecutionManagerId>(++issued),
    findExecutionManager: async (id) =>
      id <= issued
        ? {
            id,
            ...BEATING,
            registeredAt: timestampMs(1),
            drainRequestedAt: undefined,
            endedAt: undefined,
            endReason: undefined,
          }
        : undefined,
    endExecutionManager: async (id) => void ended.push(id),
  };
  const registry = new ExecutionManagerRegistry({
    executionManagersMax: MOST,
    clock,
    logger: silentLogger,
    store: store as ClusterStore,
    streamGraceMs: options.streamGraceMs ?? 1,
    isSure: () => options.right?.isSure ?? true,
    silenceMs: 1,
    heartbeatCutoffMs: 60_000,
    onLost: ({ number }) => lost.push(number),
  });
  return { clock, registry, ended, lost };
}

test('one without a stream counts as connected, and lives by its heartbeats', async () => {
  const { clock, registry, ended, lost } = start();
  const [beating, silent] = [await registry.register(BEATING), await registry.register(BEATING)];
  await registry.open();
  clock.advance(59_999);
  await registry.heartbeat(beating);
  clock.advance(1);
  expect(lost).toEqual([Number(silent)]);
  expect(ended).toEqual([silent]);
  await expect(registry.heartbeat(silent)).rejects.toMatchObject({ code: 'failed-precondition' });
  expect(registry.find(beating)?.unary).toBeDefined();
  clock.advance(59_998);
  expect(lost).toHaveLength(1);
  clock.advance(1);
  expect(lost).toEqual([Number(silent), Number(beating)]);
  expect(clock.pendingTimers).toBe(0);
});

test('those that fall silent together are lost together, once each', async () => {
  const { clock, registry, ended, lost } = start();
  const silent = [];
  for (let count = 0; count < 3; count++) silent.push(await registry.register(BEATING));
  const beating = await registry.register(BEATING);
  clock.advance(30_000);
  await registry.heartbeat(beating);
  clock.advance(30_000);
  expect(lost).toEqual(silent.map(Number));
  expect(ended).toEqual(silent);
  clock.advance(29_999);
  expect(lost).toHaveLength(3);
  expect(registry.size).toBe(1);
  for (const id of silent) {
    await expect(registry.heartbeat(id)).rejects.toMatchObject({ code: 'failed-precondition' });
  }
  registry.close();
});

describe('after a start', () => {
  const alive = (id: number): StoredExecutionManager => ({
    ...BEATING,
    id: toId<ExecutionManagerId>(id),
    hasStream: true,
    registeredAt: timestampMs(1),
    drainRequestedAt: undefined,
    endedAt: undefined,
    endReason: undefined,
  });
  /** Nothing else of it is used here. */
  const link = (): WorkerLink => ({ close: () => undefined }) as Partial<WorkerLink> as WorkerLink;

  test('those that were alive have the grace period from when they can connect', async () => {
    const { clock, registry, lost } = start({ streamGraceMs: 5_000, stored: [alive(1), alive(2)] });
    await registry.load();
    // Jobs are read back meanwhile.
    clock.advance(60_000);
    const opened = vi.fn<() => void>();
    const open = registry.open().then(opened);
    clock.advance(4_999);
    registry.attach(alive(1).id, link());
    await clock.settle();
    expect(opened).not.toHaveBeenCalled();
    clock.advance(1);
    await open;
    expect(lost).toEqual([2]);
    registry.close();
  });

  test('nobody is waited for when all have connected', async () => {
    const { clock, registry } = start({ streamGraceMs: 5_000, stored: [alive(1), alive(2)] });
    await registry.load();
    const open = registry.open();
    registry.attach(alive(1).id, link());
    registry.attach(alive(2).id, link());
    await open;
    expect(clock.now()).toBe(START_MS);
    registry.close();
  });

  test('nobody is lost by time in which this process stood still, or answered nobody', async () => {
    const right = { isSure: true };
    const { clock, registry, lost } = start({ streamGraceMs: 5_000, stored: [alive(1)], right });
    await registry.load();
    void registry.open();
    clock.standStill(60_000);
    clock.advance(0);
    clock.advance(4_999);
    right.isSure = false;
    clock.advance(60_000);
    right.isSure = true;
    registry.giveTime();
    clock.advance(4_999);
    expect(lost).toEqual([]);
    clock.advance(1);
    expect(lost).toEqual([1]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('one that beats is not lost by time in which this process stood still', async () => {
    const { clock, registry, lost } = start();
    await registry.register(BEATING);
    clock.standStill(100_000);
    clock.advance(59_999);
    expect(lost).toEqual([]);
    clock.advance(1);
    expect(lost).toEqual([1]);
  });
});

test('one that is not heard, because there is no room for what it says, is not silent', async () => {
  const { clock, registry } = start();
  const id = await registry.register({ ...BEATING, hasStream: true });
  const link = { ...DEAF_LINK, isHearing: false };
  registry.attach(id, link);
  clock.advance(100);
  expect(link.closed).toBeUndefined();
  // From now on it is heard again, and has the whole time to say something.
  link.isHearing = true;
  clock.advance(1);
  expect(link.closed).toMatchObject({ code: 'unavailable' });
  registry.close();
});

test('one that pings is not silent, though it says nothing', async () => {
  const { clock, registry } = start();
  const id = await registry.register({ ...BEATING, hasStream: true });
  const peer = { heardUs: clock.monotonicUs() };
  const link = { ...DEAF_LINK, isHearing: true, peer };
  registry.attach(id, link);
  for (let half = 0; half < 20; half++) {
    clock.advance(0.5);
    peer.heardUs = clock.monotonicUs();
  }
  expect(registry.find(id)?.lastHeardUs).toBe(clock.monotonicUs());
  expect(link.closed).toBeUndefined();
  clock.advance(1);
  expect(link.closed).toMatchObject({ code: 'unavailable' });
  registry.close();
});

test('all streams can be ended, of which nobody is lost', async () => {
  const { registry, lost } = start();
  const link = { ...DEAF_LINK };
  registry.attach(await registry.register({ ...BEATING, hasStream: true }), link);
  await registry.register(BEATING);
  registry.closeStreams(new SpiderError('unavailable', 'for a reason'));
  expect(link.closed).toMatchObject({ message: 'for a reason' });
  expect(registry.size).toBe(2);
  expect(lost).toEqual([]);
  registry.close();
});

test('there is a limit to how many are alive', async () => {
  const { registry } = start();
  for (let count = 0; count < MOST; count++) await registry.register(BEATING);
  await expect(registry.register(BEATING)).rejects.toMatchObject({
    code: 'resource-exhausted',
    message:
      '20 execution managers are registered, and runtime.limits.execution_managers allows no more',
  });
  expect(registry.size).toBe(MOST);
  registry.close();
});
