import { COMMIT_TASK_INDEX, JobState, LIMITS, TaskOutcome } from '@spider/core';
import type { ReadTaskLogRequest, ReadTaskLogResponse } from '@spider/proto';
import type { Clock } from '@spider/runtime';
import { describe, expect, onTestFinished, test } from 'vitest';
import { chain, flat } from '../testing/graphs.ts';
import { collect, Inbox } from '../testing/inbox.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import type { LeasedTask } from '../testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { TestStorage } from '../testing/test-storage.ts';

const OUTPUT = [new Uint8Array([1])];

class World {
  readonly storage: TestStorage;

  private constructor(storage: TestStorage) {
    this.storage = storage;
    onTestFinished(() => storage[Symbol.asyncDispose]());
  }

  static async start(clock?: Clock, config: object = {}): Promise<World> {
    const storage = await TestStorage.start({ config, ...(clock && { clock }) });
    const scheduler = await ScriptedScheduler.connect(storage.transport);
    scheduler.send({ credit: 1000 });
    return new World(storage);
  }

  manager(): Promise<ScriptedExecutionManager> {
    return ScriptedExecutionManager.register(this.storage.transport);
  }

  /** Reads a log to its end, or until its call breaks. */
  read(request: Partial<Omit<ReadTaskLogRequest, '$typeName'>>): Inbox<ReadTaskLogResponse> {
    const inbox = new Inbox<ReadTaskLogResponse>();
    const leaving = new AbortController();
    onTestFinished(() => leaving.abort());
    const run = async (): Promise<void> => {
      const answers = this.storage.jobs.readTaskLog(request, { signal: leaving.signal });
      for await (const answer of answers) inbox.push(answer);
    };
    run().then(
      () => inbox.close(undefined),
      (error: unknown) => inbox.close(error as never),
    );
    return inbox;
  }

  /** A job of one task that this execution manager runs. */
  async running(manager: ScriptedExecutionManager, retries = 0): Promise<LeasedTask> {
    const jobId = await this.storage.submit(flat(1, { maxRetries: retries }));
    return await this.lease(manager, jobId);
  }

  async lease(manager: ScriptedExecutionManager, jobId: bigint): Promise<LeasedTask> {
    const [task] = await manager.lease([{ jobId, taskIndex: 0 }]);
    if (task === undefined) throw new Error('nothing was leased');
    return task;
  }

  async ended(jobId: bigint): Promise<void> {
    await collect(this.storage.jobs.watchJob({ jobId }));
  }
}

const fail = (manager: ScriptedExecutionManager, task: LeasedTask): Promise<void> =>
  manager.flushed(
    manager.report([{ ...task, outcome: TaskOutcome.Failed, payload: Buffer.from('no') }]),
  );

const textsOf = (inbox: Inbox<ReadTaskLogResponse>): string[] =>
  inbox.all.flatMap(({ lines }) => lines.map(({ text }) => text));

describe('the log of a task that runs', () => {
  test('is read at the execution manager that runs it, and followed until it has ended', async () => {
    const world = await World.start();
    const [manager] = [await world.manager(), await world.manager()];
    const task = await world.running(manager);
    const reader = world.read({ jobId: task.jobId, follow: true });
    const { read, query } = await manager.logRead();
    const { jobId, instance: taskInstanceId } = task;
    expect(query).toMatchObject({
      jobId,
      taskInstanceId,
      taskIndex: 0,
      follow: true,
      search: false,
    });
    manager.tell({ read, taskInstanceId });
    expect(await manager.logRead()).toMatchObject({ read, credit: LIMITS.taskLogCredit });
    manager.tell({ read, lines: [{ timeMs: 5n, text: 'one' }], nextOffset: 30n });
    expect(await reader.first(({ nextOffset }) => nextOffset || undefined)).toBe(30n);
    expect(reader.all[0]).toMatchObject({ taskInstanceId, executionManagerId: manager.id });
    await manager.flushed(manager.succeed([task], OUTPUT));
    await manager.inbox.first(({ logReads }) => logReads.find(({ finish }) => finish));
    manager.tell({ read, lines: [{ timeMs: 6n, text: 'two' }], nextOffset: 60n });
    manager.tell({ read, end: true });
    expect(await reader.closed()).toBeUndefined();
    expect(textsOf(reader)).toEqual(['one', 'two']);
    expect(world.storage.service.usage().taskLogReads).toBe(0);
  });

  test('is asked for no faster than its reader reads', async () => {
    const world = await World.start();
    const manager = await world.manager();
    const task = await world.running(manager);
    const leaving = new AbortController();
    const call = world.storage.jobs.readTaskLog(
      { jobId: task.jobId, follow: true },
      { signal: leaving.signal },
    );
    const first = call[Symbol.asyncIterator]();
    const begun = first.next();
    const { read } = await manager.logRead();
    manager.tell({ read, taskInstanceId: task.instance });
    await begun;
    let granted = (await manager.logRead()).credit;
    const text = 'x'.repeat(1_000_000);
    let sent = 0;
    // Nobody reads: what was granted runs out, with what fits on the way.
    for (; sent < granted; sent++) manager.tell({ read, lines: [{ text }] });
    for (let heard = manager.inbox.all.length; sent < 40; heard = manager.inbox.all.length) {
      manager.send({});
      await manager.inbox.first(() => (manager.inbox.all.length > heard ? true : undefined));
      const grants = manager.inbox.all.flatMap(({ logReads }) => logReads);
      granted = grants.reduce((sum, { credit }) => sum + credit, 0);
      if (sent >= granted) break;
      for (; sent < granted; sent++) manager.tell({ read, lines: [{ text }] });
    }
    expect(sent).toBeLessThan(40);
    leaving.abort();
    await begun;
    await manager.inbox.first(({ logReads }) => logReads.find(({ cancel }) => cancel));
  });

  test('breaks with its execution manager, and says who that is', async () => {
    const world = await World.start();
    const manager = await world.manager();
    const task = await world.running(manager);
    const reader = world.read({ jobId: task.jobId, follow: true });
    const { read } = await manager.logRead();
    manager.tell({ read, taskInstanceId: task.instance });
    await reader.first(({ taskInstanceId }) => taskInstanceId);
    manager.stream.cancel();
    const who = `execution manager ${manager.id} on test, which keeps the log`;
    await expect(reader.closed()).resolves.toMatchObject({
      rawMessage: `${who}, has lost its connection`,
    });
    const again = world.read({
      jobId: task.jobId,
      taskInstanceId: task.instance,
      executionManagerId: manager.id,
      offset: 30n,
      follow: true,
    });
    await expect(again.closed()).resolves.toMatchObject({
      rawMessage: `${who}, is not connected just now`,
    });
    const back = await ScriptedExecutionManager.connect(world.storage.transport, manager.id, {
      held: [task],
    });
    world.read({ ...idsOf(back, task), offset: 30n, follow: true });
    expect((await back.logRead()).query).toMatchObject({ offset: 30n, follow: true });
  });

  test('is not waited for endlessly', async () => {
    const clock = new SteppedClock();
    const world = await World.start(clock);
    const manager = await world.manager();
    const task = await world.running(manager);
    const reader = world.read({ jobId: task.jobId });
    await manager.logRead();
    expect(await clock.advanceUntil(reader.closed())).toMatchObject({
      rawMessage: expect.stringContaining('has not answered within 5000 ms') as string,
    });
    const other = world.read({ jobId: task.jobId });
    const { read } = await manager.inbox.first(({ logReads }) =>
      logReads.find(({ read: number }) => number === 2),
    );
    manager.tell({ read, taskInstanceId: task.instance });
    expect(await clock.advanceUntil(other.closed())).toMatchObject({
      rawMessage: expect.stringContaining('has not answered within 5000 ms') as string,
    });
  });

  test('cannot be told by an execution manager of before there were such reads', async () => {
    const world = await World.start();
    const registered = await world.manager();
    registered.stream.cancel();
    const { transport } = world.storage;
    const old = await ScriptedExecutionManager.connect(transport, registered.id, {
      protocolVersion: 0,
    });
    const task = await world.running(old);
    const reader = world.read({ jobId: task.jobId });
    await expect(reader.closed()).resolves.toMatchObject({
      rawMessage: expect.stringContaining('which does not tell logs') as string,
    });
  });
});

describe('the log of an attempt', () => {
  test('is found by its number, whoever made it, and after the job has failed', async () => {
    const world = await World.start();
    const [first, second] = [await world.manager(), await world.manager()];
    const one = await world.running(first, 1);
    await fail(first, one);
    const two = await world.lease(second, one.jobId);
    const asked = async (manager: ScriptedExecutionManager, attempt: number): Promise<unknown> => {
      const reader = world.read({ jobId: one.jobId, attempt });
      const { read, query } = await manager.logRead();
      manager.tell({ read, error: 'its disk is gone', end: true });
      await expect(reader.closed()).resolves.toMatchObject({
        rawMessage: `execution manager ${manager.id} on test, which keeps the log, cannot tell: its disk is gone`,
      });
      return query?.taskInstanceId;
    };
    expect(await asked(first, 1)).toBe(one.instance);
    expect(await asked(second, 2)).toBe(two.instance);
    expect(await asked(second, 0)).toBe(two.instance);
    await expect(world.read({ jobId: one.jobId, attempt: 3 }).closed()).resolves.toMatchObject({
      rawMessage: `attempt: task 0 of job ${one.jobId} has had 1 so far, not 3`,
    });
    await fail(second, two);
    await world.ended(one.jobId);
    expect(await asked(first, 1)).toBe(one.instance);
    expect(await asked(second, 0)).toBe(two.instance);
  });

  test('that has not begun is none, or is waited for', async () => {
    const world = await World.start();
    const manager = await world.manager();
    const jobId = await world.storage.submit(chain(1));
    await expect(world.read({ jobId }).closed()).resolves.toMatchObject({
      rawMessage: `task 0 of job ${jobId} has not been run`,
    });
    const reader = world.read({ jobId, follow: true });
    const task = await world.lease(manager, jobId);
    const { read, query } = await manager.logRead();
    expect(query).toMatchObject({ taskInstanceId: task.instance, follow: true });
    manager.tell({ read, taskInstanceId: task.instance });
    expect(await reader.first(({ taskInstanceId }) => taskInstanceId)).toBe(task.instance);
  });

  test('is kept by somebody who is gone: it is said who', async () => {
    const world = await World.start(undefined, {
      runtime: { execution_managers: { stream_grace_ms: 100 } },
    });
    const manager = await world.manager();
    const task = await world.running(manager);
    await fail(manager, task);
    await world.ended(task.jobId);
    manager.stream.cancel();
    await expect
      .poll(() => world.storage.service.usage().executionManagers, { timeout: 5_000 })
      .toBe(0);
    await expect(world.read({ jobId: task.jobId }).closed()).resolves.toMatchObject({
      rawMessage: `the log is kept by execution manager ${manager.id} on test, which has ended: its stream stayed closed`,
    });
    // One that was started in its place may have its files.
    const heir = await world.manager();
    const reader = world.read({ jobId: task.jobId });
    const { read, query } = await heir.logRead();
    expect(query).toMatchObject({ taskInstanceId: task.instance, search: true });
    heir.tell({ read, taskInstanceId: task.instance });
    expect(await reader.first(({ executionManagerId }) => executionManagerId)).toBe(heir.id);
  });
});

describe('when it is not known any more who ran a task', () => {
  test('all are asked, and the newest instance counts', async () => {
    const world = await World.start();
    const [first, second] = [await world.manager(), await world.manager()];
    const task = await world.running(first);
    await first.flushed(first.succeed([task], OUTPUT));
    await world.ended(task.jobId);
    const reader = world.read({ jobId: task.jobId });
    const [one, two] = [await first.logRead(), await second.logRead()];
    expect(one.query).toMatchObject({ search: true, taskInstanceId: 0n, follow: false });
    first.tell({ read: one.read, taskInstanceId: 40n });
    second.tell({ read: two.read, taskInstanceId: 39n });
    expect(await reader.first(({ executionManagerId }) => executionManagerId)).toBe(first.id);
    expect(await second.logRead()).toMatchObject({ read: two.read, cancel: true });
    first.tell({ read: one.read, lines: [{ text: 'line' }], nextOffset: 1n });
    first.tell({ read: one.read, end: true });
    expect(await reader.closed()).toBeUndefined();
    expect(textsOf(reader)).toEqual(['line']);
  });

  test('nobody may have a line of it', async () => {
    const world = await World.start();
    const manager = await world.manager();
    const task = await world.running(manager);
    await manager.flushed(manager.succeed([task], OUTPUT));
    await world.ended(task.jobId);
    expect((await world.storage.service.jobs.status(task.jobId as never)).state).toBe(
      JobState.Succeeded,
    );
    const reader = world.read({ jobId: task.jobId });
    const { read } = await manager.logRead();
    manager.tell({ read, end: true });
    await expect(reader.closed()).resolves.toMatchObject({
      rawMessage: expect.stringContaining('no execution manager that is connected') as string,
    });
    await expect(world.read({ jobId: task.jobId, attempt: 1 }).closed()).resolves.toMatchObject({
      rawMessage: `attempt: it is not known any more who made attempt 1 at task 0 of job ${task.jobId}`,
    });
  });
});

describe('a request is refused', () => {
  test.each([
    ['job 99 does not exist', { jobId: 99n }],
    ['no task 7', { taskIndex: 7 }],
    ['no the commit task', { taskIndex: COMMIT_TASK_INDEX }],
    ['offset: 9007199254740992 is beyond 2^53', { offset: 2n ** 53n }],
    ['task_instance_id: is missing', { offset: 1n }],
    ['attempt: has no meaning', { attempt: 1, taskInstanceId: 5n }],
    ['execution_manager_id: 18446744073709551615', { executionManagerId: 2n ** 64n - 1n }],
  ])('that has %s', async (message, request) => {
    const world = await World.start();
    const jobId = await world.storage.submit(flat(1));
    const reader = world.read({ jobId, ...request });
    await expect(reader.closed()).resolves.toMatchObject({
      rawMessage: expect.stringContaining(message) as string,
    });
  });

  test('beyond the number of those that are read at a time', async () => {
    const world = await World.start();
    const jobId = await world.storage.submit(flat(1));
    for (let i = 0; i < LIMITS.taskLogReads; i++) world.read({ jobId, follow: true });
    await expect
      .poll(() => world.storage.service.usage().taskLogReads, { timeout: 10_000 })
      .toBe(LIMITS.taskLogReads);
    await expect(world.read({ jobId }).closed()).resolves.toMatchObject({
      rawMessage: '256 task logs are being read, which is the limit',
    });
  });
});

const idsOf = (
  manager: ScriptedExecutionManager,
  { jobId, instance }: LeasedTask,
): { jobId: bigint; taskInstanceId: bigint; executionManagerId: bigint } => ({
  jobId,
  taskInstanceId: instance,
  executionManagerId: manager.id,
});
