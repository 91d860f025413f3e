import { expect, test, vi } from 'vitest';
import { createClient } from '@connectrpc/connect';
import { ClusterService } from '@spider/proto';
import { ReferenceWorld } from '../../test/raw-grpc/reference-world.ts';
import type { Store } from '../db/job-store.ts';
import { openMemoryStore } from '../testing/memory-store.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';

const EXECUTION_MANAGERS = 100;
const HEARTBEATS = 20;

/** Notes the name of every method of the database that is called. */
function counting(store: Store, calls: string[]): Store {
  const noting = <T extends object>(methods: T): T =>
    new Proxy(methods, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return (...args: unknown[]): unknown => {
          calls.push(String(name));
          return Reflect.apply(method, target, args);
        };
      },
    });
  return {
    sessionId: store.sessionId,
    superseded: store.superseded,
    jobs: noting(store.jobs),
    cluster: noting(store.cluster),
    resourceGroups: noting(store.resourceGroups),
    tokenKeys: noting(store.tokenKeys),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

test('heartbeats cost the database nothing', async () => {
  const calls: string[] = [];
  await using world = await ReferenceWorld.start({
    store: counting(await openMemoryStore(), calls),
  });
  const { transport } = world.storage;
  const ofReference = await world.registerManager();
  const managers = await Promise.all(
    Array.from({ length: EXECUTION_MANAGERS }, () => ScriptedExecutionManager.register(transport)),
  );
  expect(calls.filter((name) => name === 'registerExecutionManager')).toHaveLength(
    EXECUTION_MANAGERS + 1,
  );
  calls.length = 0;
  for (let beat = 1; beat <= HEARTBEATS; beat++) {
    for (const manager of managers) manager.send({ load: { waitingTasks: beat } });
    await world.ok('UpdateExecutionManagerHeartbeat', [1, ofReference]);
  }
  const cluster = createClient(ClusterService, transport);
  await vi.waitFor(async () => {
    const { executionManagers } = await cluster.listExecutionManagers({ pageSize: 1000 });
    const heard = executionManagers.filter(({ waitingTasks }) => waitingTasks === HEARTBEATS);
    expect(heard).toHaveLength(EXECUTION_MANAGERS);
  }, 20_000);
  expect(calls).toEqual([]);
});
