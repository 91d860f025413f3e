import { LIMITS, timestampMs, toId } from '@spider/core';
import type { ExecutionManagerId } from '@spider/core';
import { silentLogger } from '@spider/runtime';
import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import type { ClusterStore } from '../db/job-store.ts';
import { ExecutionManagerRegistry } from './execution-manager-registry.ts';

const BEATING = { host: '::1', slots: 1, hasStream: false, version: '' };

function start() {
  const clock = new ManualClock();
  let issued = 0;
  const ended: bigint[] = [];
  const lost: number[] = [];
  const store: Pick<
    ClusterStore,
    'registerExecutionManager' | 'findExecutionManager' | 'endExecutionManager'
  > = {
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
    clock,
    logger: silentLogger,
    store: store as ClusterStore,
    streamGraceMs: 1,
    silenceMs: 1,
    heartbeatCutoffMs: 60_000,
    onLost: ({ number }) => lost.push(number),
  });
  return { clock, registry, ended, lost };
}

test('one without a stream counts as connected, and lives by its heartbeats', async () => {
  const { clock, registry, ended, lost } = start();
  const [beating, silent] = [await registry.register(BEATING), await registry.register(BEATING)];
  await registry.whenConnected(60_000);
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

test('there is a limit to how many are alive', async () => {
  const { registry } = start();
  for (let count = 0; count < LIMITS.executionManagersPerStorage; count++) {
    await registry.register(BEATING);
  }
  await expect(registry.register(BEATING)).rejects.toMatchObject({
    code: 'resource-exhausted',
    message: `${LIMITS.executionManagersPerStorage} execution managers are registered, which is the limit`,
  });
  expect(registry.size).toBe(LIMITS.executionManagersPerStorage);
  registry.close();
});
