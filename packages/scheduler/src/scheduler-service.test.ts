import { setImmediate as nextTurn } from 'node:timers/promises';

import { LIMITS } from '@spider/core';
import { type RpcServer, SeededRng, silentLogger, startRpcServer } from '@spider/runtime';
import { systemClock } from '@spider/runtime/node';
import { describe, expect, onTestFinished, test } from 'vitest';

import { DEFAULT_DISPATCH_CONFIG, type DispatchConfig } from './config.ts';
import { RpcReadyTaskSource } from './inbound/rpc-ready-task-source.ts';
import { SchedulerService } from './scheduler-service.ts';
import {
  ScriptedExecutionManager,
  type ScriptedExecutionManagerOptions,
} from './testing/scripted-execution-manager.ts';
import { ScriptedStorage } from './testing/scripted-storage.ts';

class Scheduler {
  readonly service: SchedulerService;
  #server: RpcServer | undefined;

  private constructor(endpoints: readonly string[], config: Partial<DispatchConfig>) {
    this.service = new SchedulerService({
      clock: systemClock,
      rng: new SeededRng(1),
      logger: silentLogger,
      storage: new RpcReadyTaskSource({
        endpoints,
        advertised: () => ({ host: '127.0.0.1', port: this.#server?.port ?? 0 }),
      }),
      config: { ...DEFAULT_DISPATCH_CONFIG, policy: 'fifo', ...config },
    });
  }

  /** A scheduler that runs until the test ends. */
  static async start(
    endpoints: readonly string[],
    config: Partial<DispatchConfig> = {},
  ): Promise<Scheduler> {
    const scheduler = new Scheduler(endpoints, config);
    const server = await startRpcServer({ routes: (router) => scheduler.service.routes(router) });
    scheduler.#server = server;
    // One that takes nothing, so that there is somebody tasks may wait for.
    scheduler.connect(1000);
    const stop = new AbortController();
    const running = scheduler.service.run(stop.signal);
    onTestFinished(async () => {
      stop.abort();
      await running;
      await server.close({ graceMs: 0 });
    });
    return scheduler;
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  connect(id: number, options?: ScriptedExecutionManagerOptions): ScriptedExecutionManager {
    const executionManager = new ScriptedExecutionManager(this.#server?.url ?? '', id, options);
    onTestFinished(() => executionManager[Symbol.dispose]());
    return executionManager;
  }
}

async function startStorage(sessionId = 1, port = 0): Promise<ScriptedStorage> {
  const storage = await ScriptedStorage.start(sessionId, port);
  onTestFinished(() => storage[Symbol.asyncDispose]());
  return storage;
}

/** Both, connected to each other. */
async function startBoth(): Promise<{ storage: ScriptedStorage; scheduler: Scheduler }> {
  const storage = await startStorage();
  const scheduler = await Scheduler.start([storage.url]);
  await storage.changes.until(() => storage.connected);
  return { storage, scheduler };
}

/** Lets the event loop turn until the condition holds. */
async function turnsUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, at) => from + at);
const ofJob = (jobId: number, taskIndexes: number[]): string[] =>
  taskIndexes.map((index) => `${jobId}:${index}`);

describe('a scheduler between storage and execution managers', () => {
  test('says where it is reached, and grants credit for what it buffers', async () => {
    const { storage, scheduler } = await startBoth();

    expect(storage.hellos).toMatchObject([{ host: '127.0.0.1', port: scheduler.port }]);
    expect(storage.credit).toBe(DEFAULT_DISPATCH_CONFIG.readyTaskCapacity);
  });

  test('passes ready tasks on, in order and never beyond credit', async () => {
    const { storage, scheduler } = await startBoth();
    const executionManager = scheduler.connect(1);
    executionManager.grant(300);
    storage.ready(7, range(0, 500));

    expect(await executionManager.received(300)).toEqual(ofJob(7, range(0, 300)));
    expect(executionManager.batches.map(({ batch }) => batch)).toEqual([1n, 2n]);
    expect(executionManager.batches[0]).toMatchObject({
      sessionId: 1n,
      tasks: [{ jobId: 7n, resourceGroupId: 1n }],
    });

    executionManager.send({ acknowledgedBatch: 2n, credit: 1000 });
    expect(await executionManager.received(500)).toEqual(ofJob(7, range(0, 500)));
    expect(scheduler.service.waitingTasks).toBe(0);
  });

  test('shares the tail of a job among execution managers in proportion to credit', async () => {
    const { storage, scheduler } = await startBoth();
    const first = scheduler.connect(1);
    const second = scheduler.connect(2);
    first.grant(100);
    second.grant(300);
    await turnsUntil(() => scheduler.service.credit === 400);

    storage.ready(1, range(0, 20));
    await Promise.all([first.received(5), second.received(15)]);

    expect([...first.tasks, ...second.tasks]).toEqual(ofJob(1, range(0, 20)));
  });

  test('keeps granting credit to storage as tasks leave', async () => {
    const { storage, scheduler } = await startBoth();
    const executionManager = scheduler.connect(1);
    executionManager.grant(LIMITS.assignmentCredit);
    const total = 3 * DEFAULT_DISPATCH_CONFIG.readyTaskCapacity;
    for (let sent = 0; sent < total; sent += 4096) {
      await storage.changes.until(() => storage.credit >= 4096);
      storage.ready(1, range(sent, sent + 4096));
    }

    const tasks = await executionManager.received(total);

    expect(new Set(tasks).size).toBe(total);
  });
});

describe('execution managers with labels, or for some resource groups alone', () => {
  test('are pools at storage, and get what comes for these', async () => {
    const { storage, scheduler } = await startBoth();
    const plain = scheduler.connect(1);
    plain.grant(10);
    const options = { labels: { gpu: 'true' }, resourceGroupIds: [7] };
    const special = scheduler.connect(2, options);
    special.grant(10);
    await storage.changes.until(() => storage.pools.length === 2);
    expect(storage.pools[1]).toMatchObject({
      labels: { gpu: 'true' },
      resourceGroupIds: [7n],
    });

    storage.ready(1, [0, 1]);

    expect(await special.received(2)).toEqual(['1:0', '1:1']);
    expect(plain.tasks).toEqual([]);
  });

  test('give back what they have not acknowledged when the last of them is gone', async () => {
    const { storage, scheduler } = await startBoth();
    const special = scheduler.connect(2, { labels: { gpu: 'true' } });
    special.grant(2);
    await storage.changes.until(() => storage.pools.length === 2);
    storage.ready(1, range(0, 5));
    await special.received(2);

    special.leave();

    await storage.changes.until(() => storage.returned.length === 5);
    expect(storage.returned).toEqual(ofJob(1, range(0, 5)));
    expect(storage.pools).toHaveLength(1);
  });
});

describe('what an execution manager has not acknowledged', () => {
  test('goes to another when it is gone, and only that', async () => {
    const { storage, scheduler } = await startBoth();
    const lost = scheduler.connect(1);
    lost.grant(1000);
    storage.ready(1, range(0, 512));
    await lost.received(512);
    lost.acknowledge(1);
    const other = scheduler.connect(2);
    lost.leave();
    await lost.end();
    other.grant(1000);

    expect(await other.received(256)).toEqual(ofJob(1, range(256, 512)));
  });

  test('goes to another when its connection breaks', async () => {
    const { storage, scheduler } = await startBoth();
    const lost = scheduler.connect(1);
    lost.grant(10);
    storage.ready(1, [0, 1]);
    await lost.received(2);
    const other = scheduler.connect(2);
    other.grant(10);

    lost[Symbol.dispose]();

    expect(await other.received(2)).toEqual(['1:0', '1:1']);
  });

  test('goes to another when it drains, and the stream stays open', async () => {
    const { storage, scheduler } = await startBoth();
    const draining = scheduler.connect(1);
    draining.grant(10);
    storage.ready(1, [0, 1]);
    await draining.received(2);
    const other = scheduler.connect(2);
    other.grant(10);

    draining.drain();
    expect(await other.received(2)).toEqual(['1:0', '1:1']);

    draining.send({ acknowledgedBatch: 1n, credit: 10 });
    storage.ready(1, [2, 3]);
    expect(await other.received(4)).toEqual(ofJob(1, range(0, 4)));
    expect(draining.closed).toBeUndefined();
    expect(draining.tasks).toEqual(['1:0', '1:1']);
  });

  test('comes again on its next stream, which replaces the first', async () => {
    const { storage, scheduler } = await startBoth();
    const first = scheduler.connect(1);
    first.grant(10);
    storage.ready(1, [0, 1]);
    await first.received(2);

    const second = scheduler.connect(1);
    second.grant(10);

    expect(await first.end()).toMatchObject({ code: 'cancelled' });
    expect(await second.received(2)).toEqual(['1:0', '1:1']);
    expect(scheduler.service.executionManagers).toBe(2);
  });
});

describe('when storage', () => {
  test('restarts, execution managers stay connected and get the tasks of the new session', async () => {
    const storage = await startStorage(1);
    const scheduler = await Scheduler.start([storage.url]);
    await storage.changes.until(() => storage.connected);
    const executionManager = scheduler.connect(1);
    executionManager.grant(1);
    storage.ready(1, range(0, 10));
    await executionManager.received(1);

    await storage[Symbol.asyncDispose]();
    const restarted = await startStorage(2, storage.port);
    await restarted.changes.until(() => restarted.connected);
    executionManager.grant(100);
    restarted.ready(1, range(5, 10));

    expect(await executionManager.received(6)).toEqual(ofJob(1, [0, ...range(5, 10)]));
    expect(executionManager.batches.map(({ sessionId }) => sessionId)).toEqual([1n, 2n]);
    expect(executionManager.closed).toBeUndefined();
  });

  test('is not there yet, execution managers may connect all the same', async () => {
    const gone = await startStorage(1);
    await gone[Symbol.asyncDispose]();
    const scheduler = await Scheduler.start([gone.url]);
    const executionManager = scheduler.connect(1);
    executionManager.grant(10);

    const storage = await startStorage(1, gone.port);
    await storage.changes.until(() => storage.connected);
    storage.ready(1, [0]);

    expect(await executionManager.received(1)).toEqual(['1:0']);
  });

  test('has moved to another endpoint, the scheduler finds it', async () => {
    const gone = await startStorage(1);
    await gone[Symbol.asyncDispose]();
    const storage = await startStorage(1);

    await Scheduler.start([gone.url, storage.url]);
    await storage.changes.until(() => storage.connected);

    expect(storage.hellos).toHaveLength(1);
  });

  test('breaks the rules, it is left and asked again', async () => {
    const { storage, scheduler } = await startBoth();
    const executionManager = scheduler.connect(1);
    executionManager.grant(10);

    storage.ready(2 ** 53, [0]);
    await storage.changes.until(() => storage.hellos.length === 2 && storage.connected);
    storage.ready(1, [0]);

    expect(await executionManager.received(1)).toEqual(['1:0']);
  });

  test('says that a job has ended, nothing of it is dispatched, and its room is free', async () => {
    const { storage, scheduler } = await startBoth();
    const executionManager = scheduler.connect(1);
    for (const from of [0, 4096, 8192]) storage.ready(1, range(from, from + 4096));
    storage.ready(2, [9]);

    storage.jobsEnded(1);
    await storage.changes.until(
      () => storage.credit === DEFAULT_DISPATCH_CONFIG.readyTaskCapacity - 1,
    );
    executionManager.grant(10);
    await executionManager.received(1);
    storage.ready(2, [10]);

    expect(await executionManager.received(2)).toEqual(['2:9', '2:10']);
  });
});

describe('an execution manager that breaks the rules', () => {
  test.for([
    ['says nothing of itself', { credit: 1 }, 'hello: is in the first message'],
    ['has no id', { hello: hello(0n, 1) }, 'hello.execution_manager_id: is missing'],
    ['has no slots', { hello: hello(1n, 0) }, 'hello.slots: 0 is not in 1…1024'],
    ['has too many slots', { hello: hello(1n, 1025) }, 'hello.slots: 1025 is not in 1…1024'],
    [
      'has a label without a name',
      { hello: { ...hello(1n, 1), labels: { '': 'x' } } },
      'hello.labels: a key is empty',
    ],
    [
      'speaks a version of the future',
      { hello: { ...hello(1n, 1), protocolVersion: 99 } },
      'protocol_version: 99 is not known to this scheduler',
    ],
    [
      'serves a group that is none',
      { hello: hello(1n, 1, [0n]) },
      'hello.resource_group_ids: 0 is not in',
    ],
    [
      'wants too much',
      { hello: hello(1n, 1), credit: 0xffff_ffff },
      'credit: 4294967295 with 0 tasks',
    ],
    [
      'acknowledges what nobody sent',
      { hello: hello(1n, 1), acknowledgedBatch: 0xffff_ffff_ffff_ffffn },
      'was not sent, 0 was the last',
    ],
  ] as const)('%s: its stream ends with a clear error, and no other', async ([, request, text]) => {
    const { storage, scheduler } = await startBoth();
    const other = scheduler.connect(2);
    other.grant(10);
    const hostile = scheduler.connect(1, { silent: true });

    hostile.send(request);

    const reason = await hostile.end();
    expect(reason?.code).toBe('invalid-argument');
    expect(reason?.message).toContain(text);
    storage.ready(1, [0]);
    expect(await other.received(1)).toEqual(['1:0']);
  });

  test('introduces itself twice: its stream ends, and its tasks go to another', async () => {
    const { storage, scheduler } = await startBoth();
    const hostile = scheduler.connect(1);
    hostile.grant(10);
    storage.ready(1, [0]);
    await hostile.received(1);
    const other = scheduler.connect(2);
    other.grant(10);

    hostile.hello();

    expect(await hostile.end()).toMatchObject({ code: 'invalid-argument' });
    expect(await other.received(1)).toEqual(['1:0']);
  });
});

function hello(executionManagerId: bigint, slots: number, resourceGroupIds: bigint[] = []) {
  return {
    $typeName: 'spider.v1.AssignmentHello' as const,
    executionManagerId,
    slots,
    labels: {},
    resourceGroupIds,
    protocolVersion: 0,
  };
}
