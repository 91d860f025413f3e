import { isDeepStrictEqual } from 'node:util';
import { TaskOutcome } from '@spider/core';
import { createTransport, type RpcTransport } from '@spider/runtime';
import { CryptoRng, systemClock } from '@spider/runtime/node';
import { RecordingLogger } from '@spider/runtime/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExecutionManagerService } from './execution-manager-service.ts';
import { FakeExecutors } from './testing/fake-executors.ts';
import {
  type ControlPlaneOptions,
  ScriptedControlPlane,
} from './testing/scripted-control-plane.ts';

/** An execution manager with fake executors, between a storage and a scheduler over real sockets. */
class Bench implements AsyncDisposable {
  readonly executors = new FakeExecutors();
  readonly logger = new RecordingLogger();
  readonly service: ExecutionManagerService;
  readonly running: Promise<void>;
  plane: ScriptedControlPlane;
  readonly #stop = new AbortController();
  readonly #transports = new Map<string, RpcTransport>();
  /** Where a process stands still. */
  frozenUrl: string | undefined;

  constructor(
    plane: ScriptedControlPlane,
    slots: number,
    storageEndpoints = [plane.url],
    liveness = { silenceMs: 60_000, attemptMs: 60_000 },
  ) {
    this.plane = plane;
    this.service = new ExecutionManagerService({
      clock: systemClock,
      rng: new CryptoRng(),
      logger: this.logger,
      spawn: this.executors.spawn,
      connect: (url) => this.#connect(url),
      host: 'a test',
      version: '1.2.3',
      slots,
      storageEndpoints,
      schedulerEndpoints: storageEndpoints,
      liveness,
      cancelGraceMs: 50,
      startTimeoutMs: 10_000,
      drainTimeoutMs: 10_000,
    });
    this.running = this.service.run(this.#stop.signal);
    this.running.catch(() => undefined);
  }

  static async ready(slots: number, options: ControlPlaneOptions = {}): Promise<Bench> {
    const bench = new Bench(await ScriptedControlPlane.start(options), slots);
    await bench.service.ready;
    await bench.connected();
    return bench;
  }

  async connected(credit = 1): Promise<void> {
    const { plane } = this;
    await plane.changes.until(() => plane.isConnected && plane.credit >= credit);
  }

  /** Assigns tasks and, once leases are asked for, issues instances. */
  async give(jobId: number, taskIndexes: readonly number[]): Promise<void> {
    const { plane } = this;
    const before = plane.leases.length;
    plane.assign(jobId, taskIndexes);
    await plane.changes.until(() => plane.leases.length > before);
    plane.issue(jobId, taskIndexes);
  }

  /** Resolves with the reports so far once there are that many. */
  async reports(count: number): Promise<ScriptedControlPlane['reports']> {
    await this.plane.changes.until(() => this.plane.reports.length >= count);
    return this.plane.reports;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => undefined);
    await this.service[Symbol.asyncDispose]();
    for (const transport of this.#transports.values()) transport.close();
    await this.plane.close();
  }

  #connect(url: string): RpcTransport {
    const known = this.#transports.get(url);
    if (known !== undefined) return known;
    const transport = createTransport({ url });
    const reach = transport.ping.bind(transport);
    const ping: RpcTransport['ping'] = (onAnswer) => {
      if (url !== this.frozenUrl) reach(onAnswer);
    };
    this.#transports.set(url, Object.assign(transport, { ping }));
    return transport;
  }
}

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

async function start(slots: number, options: ControlPlaneOptions = {}): Promise<Bench> {
  return stack.use(await Bench.ready(slots, options));
}

describe('an execution manager', () => {
  test('registers, is ready when its executors are up, and asks for a task a slot', async () => {
    const bench = await start(2);
    expect(bench.plane.registrations).toEqual([
      // A silence, and an attempt with a pause after it.
      { host: 'a test', slots: 2, version: '1.2.3', reconnectMs: 60_000 + 60_000 + 250 },
    ]);
    expect(await bench.service.ready).toBe(1n);
    expect(bench.plane.hellos).toMatchObject([{ executionManagerId: 1n, held: [] }]);
    expect(bench.plane.assignmentHellos).toMatchObject([{ executionManagerId: 1n, slots: 2 }]);
    expect(bench.plane.credit).toBe(2);
  });

  test('leases what is assigned, runs it, and reports how it ended', async () => {
    const bench = await start(1);
    await bench.give(7, [3]);
    const executor = await bench.executors.given(0, 1);
    executor.succeed();
    const [report] = await bench.reports(1);
    expect(report).toMatchObject({
      sequence: 1,
      taskIndex: 3,
      instance: 1000,
      outcome: TaskOutcome.Succeeded,
    });
    expect(Buffer.from(report?.payload ?? []).toString()).toBe('3');
  });

  test('acknowledges a batch when all of its leases are answered', async () => {
    const bench = await start(2);
    const { plane } = bench;
    plane.assign(7, [1, 2]);
    await plane.changes.until(() => plane.leases.length === 1);
    plane.issue(7, [1]);
    await bench.executors.given(0, 1);
    expect(plane.acknowledgedBatch).toBe(0);
    plane.refuse(7, [2]);
    await plane.changes.until(() => plane.acknowledgedBatch === 1);
  });

  test('reports failures in words', async () => {
    const bench = await start(1);
    await bench.give(7, [0]);
    (await bench.executors.given(0, 1)).fail('out of luck');
    const [failure] = await bench.reports(1);
    expect(failure?.outcome).toBe(TaskOutcome.Failed);
    expect(Buffer.from(failure?.payload ?? []).toString()).toBe('task failed: out of luck');

    await bench.connected();
    await bench.give(7, [0]);
    (await bench.executors.given(0, 1)).exit({ code: 9, signal: undefined });
    const [, crash] = await bench.reports(2);
    expect(Buffer.from(crash?.payload ?? []).toString()).toBe('executor crashed (exit code 9)');
  });

  test('fails a task whose inputs no executor would take, and runs the others', async () => {
    const bench = await start(2);
    const { plane } = bench;
    plane.assign(7, [0, 1]);
    await plane.changes.until(() => plane.leases.length === 1);
    plane.issue(7, [0, 1], { inputs: [new Uint8Array(9 * 1024 * 1024), new Uint8Array(4)] });
    (await bench.executors.given(0, 1)).succeed();
    const reports = (await bench.reports(2)).toSorted((a, b) => a.taskIndex - b.taskIndex);
    expect(reports.map(({ taskIndex, outcome }) => [taskIndex, outcome])).toEqual([
      [0, TaskOutcome.FailedForGood],
      [1, TaskOutcome.Succeeded],
    ]);
    expect(Buffer.from(reports[0]?.payload ?? []).toString()).toMatch(
      /^the inputs are too large: .* more than the 8388608 that one may have$/,
    );
  });

  test('does not lease what was assigned in an earlier session', async () => {
    const bench = await start(1, { sessionId: 5 });
    const { plane } = bench;
    plane.assign(7, [1], 4);
    await plane.changes.until(() => plane.acknowledgedBatch === 1);
    expect(plane.leases).toEqual([]);
    await bench.connected();
  });

  test('says something when nothing else is to be said', async () => {
    const bench = await start(1, { heartbeatIntervalMs: 20 });
    await bench.plane.changes.until(() => bench.plane.heartbeats >= 3);
    expect(bench.plane.hellos).toHaveLength(1);
  });

  test('says what it has whenever that has changed', async () => {
    const bench = await start(1, { heartbeatIntervalMs: 20 });
    const { plane } = bench;
    const told = (load: object) =>
      plane.changes.until(() => isDeepStrictEqual({ ...plane.load, ...load }, { ...plane.load }));
    await told({ runningTasks: 0, waitingTasks: 0, unflushedReports: 0, draining: false });
    // Two instances for one slot: the second one has to wait.
    await bench.give(7, [0]);
    plane.issue(7, [1]);
    const executor = await bench.executors.given(0, 1);
    await told({ runningTasks: 1, waitingTasks: 1, unflushedReports: 0 });
    executor.succeed();
    await told({ runningTasks: 1, waitingTasks: 0, unflushedReports: 1 });
    const drained = bench.service.drain();
    await told({ draining: true });
    plane.onReports = (sequence) => plane.flush(sequence);
    await bench.executors.given(0, 1);
    executor.succeed();
    await drained;
    expect(plane.load).toMatchObject({ draining: true });
  });

  test('drops cancelled instances', async () => {
    const bench = await start(1);
    await bench.give(7, [0]);
    const executor = await bench.executors.given(0, 1);
    bench.plane.cancel(7, 1000);
    await bench.executors.changes.until(() => bench.executors.all.length === 2);
    expect(executor.isKilled).toBe(true);
    await bench.connected();
    await bench.give(7, [1]);
    (await bench.executors.given(1, 1)).succeed();
    expect(await bench.reports(1)).toMatchObject([{ taskIndex: 1 }]);
  });
});

describe('when storage is lost', () => {
  test('reports that were not flushed come again, with the same numbers', async () => {
    const bench = await start(1);
    const { plane } = bench;
    for (const index of [0, 1, 2]) {
      await bench.connected();
      await bench.give(7, [index]);
      (await bench.executors.given(0, 1)).succeed();
      await bench.reports(index + 1);
    }
    plane.flush(1);
    const before = [...plane.reports];
    expect(before.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    plane.breakExchange();
    await bench.reports(5);
    expect(plane.reports.slice(3)).toEqual(before.slice(1));
  });

  test('the next hello lists what runs and what is reported but not flushed', async () => {
    const bench = await start(2);
    const { plane } = bench;
    await bench.give(7, [0, 1]);
    (await bench.executors.given(0, 1)).succeed();
    await bench.reports(1);
    plane.breakExchange();
    await plane.changes.until(() => plane.hellos.length === 2);
    const held = plane.hellos[1]?.held.flatMap(({ jobId, instanceBase, instanceOffsets }) =>
      instanceOffsets.map((offset) => [jobId, instanceBase + BigInt(offset)]),
    );
    expect(held?.toSorted()).toEqual([
      [7n, 1000n],
      [7n, 1001n],
    ]);
    (await bench.executors.given(1, 1)).succeed();
    await plane.changes.until(() => plane.reports.some(({ instance }) => instance === 1001));
  });

  test('leases that were not answered are asked for again', async () => {
    const bench = await start(1);
    const { plane } = bench;
    plane.assign(7, [4]);
    await plane.changes.until(() => plane.leases.length === 1);
    plane.breakExchange();
    await plane.changes.until(() => plane.leases.length === 2 && plane.isConnected);
    plane.issue(7, [4]);
    await plane.changes.until(() => plane.acknowledgedBatch === 1);
    (await bench.executors.given(0, 1)).succeed();
    expect(await bench.reports(1)).toMatchObject([{ taskIndex: 4 }]);
  });

  test('a task that is assigned again is asked for again, and waits for both answers', async () => {
    const bench = await start(2);
    const { plane } = bench;
    plane.assign(7, [4]);
    await plane.changes.until(() => plane.leases.length === 1);
    // Assigned by a later storage, which has refused the lease that was left of the earlier one.
    plane.breakExchange();
    plane.breakAssignments();
    await plane.changes.until(() => plane.leases.length === 2);
    await bench.connected();
    plane.assign(7, [4]);
    await plane.changes.until(() => plane.leases.length === 3);
    plane.refuse(7, [4]);
    expect(plane.acknowledgedBatch).toBe(0);
    plane.issue(7, [4]);
    await plane.changes.until(() => plane.acknowledgedBatch === 1);
    (await bench.executors.given(0, 1)).succeed();
    expect(await bench.reports(1)).toMatchObject([{ taskIndex: 4 }]);
  });

  test('what ends meanwhile is reported when it is back, in another place', async () => {
    const bench = await start(1);
    await bench.give(7, [0]);
    const executor = await bench.executors.given(0, 1);
    const { port } = bench.plane;
    await bench.plane.close();
    executor.succeed();
    bench.plane = await ScriptedControlPlane.start({ port, sessionId: 2 });
    expect(await bench.reports(1)).toMatchObject([{ taskIndex: 0, sequence: 1 }]);
    expect(bench.plane.registrations).toEqual([]);
    await bench.connected();
  });

  test('and has forgotten it, it drops what it held and comes as somebody new', async () => {
    const bench = await start(2);
    const { plane } = bench;
    await bench.give(7, [0, 1]);
    (await bench.executors.given(0, 1)).succeed();
    await bench.reports(1);
    const running = await bench.executors.given(1, 1);
    plane.forgetful = true;
    plane.breakExchange();
    await plane.changes.until(() => plane.registrations.length === 2);
    await plane.changes.until(() => plane.assignmentHellos.length === 2);
    expect(running.isKilled).toBe(true);
    expect(plane.hellos.at(-1)).toMatchObject({ executionManagerId: 2n, held: [] });
    expect(plane.assignmentHellos.at(-1)).toMatchObject({ executionManagerId: 2n });
    expect(plane.reports).toHaveLength(1);
  });
});

test('with storage at another place of the list it goes there', async () => {
  const away = await ScriptedControlPlane.start();
  await away.close();
  const plane = await ScriptedControlPlane.start();
  const bench = stack.use(new Bench(plane, 1, [away.url, plane.url]));
  await bench.service.ready;
  await bench.connected();
  expect(plane.registrations).toHaveLength(1);
});

test('a storage that stands still is left with its scheduler, and what is held is told to the next one', async () => {
  const frozen = stack.use(await ScriptedControlPlane.start({ heartbeatIntervalMs: 20 }));
  const next = await ScriptedControlPlane.start({ sessionId: 2, heartbeatIntervalMs: 20 });
  const urls = [frozen.url, next.url];
  const bench = stack.use(new Bench(next, 1, urls, { silenceMs: 300, attemptMs: 200 }));
  await frozen.changes.until(() => frozen.isConnected && frozen.credit > 0);
  frozen.assign(7, [0]);
  await frozen.changes.until(() => frozen.leases.length === 1);
  frozen.issue(7, [0]);
  const executor = await bench.executors.given(0, 1);
  frozen.isFrozen = true;
  bench.frozenUrl = frozen.url;
  await bench.connected(0);
  expect(next.hellos).toMatchObject([{ executionManagerId: 1n, held: [{ jobId: 7n }] }]);
  executor.succeed();
  expect(await bench.reports(1)).toMatchObject([{ taskIndex: 0 }]);
  expect(bench.logger.messages('warn')).toContain('lost storage');
});

test('a storage whose process answers pings is kept, though it says nothing', async () => {
  const plane = await ScriptedControlPlane.start({ heartbeatIntervalMs: 20 });
  stack.use(new Bench(plane, 1, [plane.url], { silenceMs: 100, attemptMs: 100 }));
  // Three silences, by the pace at which it is told that we live.
  await plane.changes.until(() => plane.heartbeats >= 15);
  expect(plane.hellos).toHaveLength(1);
});

test('a storage that does not answer when it is met is left for the next one', async () => {
  await using frozen = await ScriptedControlPlane.start();
  const bench = await start(1);
  const { plane } = bench;
  frozen.isFrozen = true;
  const urls = [frozen.url, plane.url];
  const other = stack.use(new Bench(plane, 1, urls, { silenceMs: 300, attemptMs: 100 }));
  await other.service.ready;
  await plane.changes.until(() => plane.hellos.length === 2);
  expect(frozen.hellos).toHaveLength(1);
});

test('a scheduler that was away is asked again for all that is wanted', async () => {
  const bench = await start(2);
  const { plane } = bench;
  plane.breakAssignments();
  await plane.changes.until(() => plane.assignmentHellos.length === 2 && plane.credit === 2);
  await bench.give(7, [0]);
  expect((await bench.executors.given(0, 1)).pending).toHaveLength(1);
});

test('a scheduler that sends more than it was asked for is left', async () => {
  const bench = await start(1);
  const { plane } = bench;
  plane.assign(7, [0, 1, 2]);
  await plane.changes.until(() => plane.assignmentHellos.length === 2);
  expect(plane.leases).toEqual([]);
});

test('learns that it is to drain, and says so to whoever runs it', async () => {
  const bench = await start(1);
  bench.plane.drain();
  bench.plane.drain();
  await bench.service.drainRequested;
  await bench.service.drain();
  expect(bench.plane.deregistrations).toEqual([1]);
});

describe('drained', () => {
  test('it takes nothing more, finishes what runs, has it flushed, and says goodbye', async () => {
    const bench = await start(1);
    const { plane } = bench;
    await bench.give(7, [0]);
    const executor = await bench.executors.given(0, 1);
    const drained = bench.service.drain();
    await plane.changes.until(() => plane.isDraining);
    expect(plane.deregistrations).toEqual([]);
    executor.succeed();
    const [report] = await bench.reports(1);
    expect(plane.deregistrations).toEqual([]);
    plane.flush(report?.sequence ?? 0);
    await drained;
    expect(plane.deregistrations).toEqual([1]);
    expect(plane.credit).toBe(0);
    // Storage closes the stream of one that has left, and that is no reason to come back.
    plane.breakExchange();
    await plane.changes.until(() => !plane.isConnected);
    await bench.stop();
    expect(plane.registrations).toHaveLength(1);
    expect(bench.logger.messages('warn')).toEqual([]);
  });

  test('it gives back what it never began', async () => {
    const bench = await start(1);
    const { plane } = bench;
    plane.onReports = (sequence) => plane.flush(sequence);
    // Two instances for one slot: the second one has to wait.
    await bench.give(7, [0]);
    plane.issue(7, [1]);
    const executor = await bench.executors.given(0, 1);
    const heldBack = bench.service.drain();
    const [released] = await bench.reports(1);
    expect(released).toMatchObject({ taskIndex: 1, outcome: TaskOutcome.Released });
    executor.succeed();
    await heldBack;
    expect(plane.reports.at(-1)).toMatchObject({ taskIndex: 0, outcome: TaskOutcome.Succeeded });
  });
});

describe('with executors that are coming up', () => {
  const create = (plane: ScriptedControlPlane, executors: FakeExecutors) =>
    new ExecutionManagerService({
      clock: systemClock,
      rng: new CryptoRng(),
      logger: new RecordingLogger(),
      spawn: executors.spawn,
      connect: (url) => createTransport({ url }),
      host: 'a test',
      version: '1.2.3',
      slots: 1,
      storageEndpoints: [plane.url],
      schedulerEndpoints: [plane.url],
      liveness: { silenceMs: 60_000, attemptMs: 60_000 },
      cancelGraceMs: 50,
      startTimeoutMs: 10_000,
      drainTimeoutMs: 10_000,
    });

  test('it ends when one does not, and says how', async () => {
    await using plane = await ScriptedControlPlane.start();
    const executors = new FakeExecutors({ start: false });
    await using service = create(plane, executors);
    const running = service.run(new AbortController().signal);
    executors.all[0]?.exit({ code: 1, signal: undefined });
    await expect(running).rejects.toThrow('an executor did not come up: exit code 1');
    await expect(service.ready).rejects.toThrow('an executor did not come up');
  });

  test('it can be stopped, also when one dies meanwhile', async () => {
    await using plane = await ScriptedControlPlane.start();
    const executors = new FakeExecutors({ start: false });
    await using service = create(plane, executors);
    const stop = new AbortController();
    const running = service.run(stop.signal);
    const draining = service.drain();
    executors.all[0]?.exit({ code: undefined, signal: 'SIGKILL' });
    await draining;
    stop.abort();
    await expect(running).resolves.toBeUndefined();
  });
});
