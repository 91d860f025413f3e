import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, JobState } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { chain, flat, withTermination } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';
import { TestStorage } from '../testing/test-storage.ts';

const OUTPUT = [new Uint8Array([1])];

test('a scheduler gets as many tasks as it asks for, in order', async () => {
  await using storage = await TestStorage.start();
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  const jobId = await storage.submit(flat(5));
  scheduler.send({ credit: 2 });
  scheduler.send({ credit: 1 });
  const indexes = async (count: number): Promise<number[]> =>
    (await scheduler.take(count)).map(({ taskIndex }) => taskIndex);
  expect(await indexes(3)).toEqual([0, 1, 2]);
  const { status } = await storage.jobs.getJob({ jobId });
  expect(status).toMatchObject({ readyTasks: 5, runningTasks: 0 });
  expect(scheduler.tasks).toHaveLength(3);
  scheduler.send({ credit: 10 });
  expect(await indexes(2)).toEqual([3, 4]);
});

test('jobs take turns', async () => {
  await using storage = await TestStorage.start();
  const large = await storage.submit(flat(1000));
  const small = await storage.submit(flat(10));
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  scheduler.send({ credit: 300 });
  const jobs = (await scheduler.take(300)).map(({ jobId }) => jobId);
  expect(jobs.filter((jobId) => jobId === small)).toHaveLength(10);
  expect(jobs.filter((jobId) => jobId === large)).toHaveLength(290);
});

describe('what was handed out on a stream that has closed', () => {
  test('is handed out again, unless it was leased', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(flat(3));
    const first = await ScriptedScheduler.connect(storage.transport);
    first.send({ credit: 10 });
    await first.take(3);
    const worker = await ScriptedExecutionManager.register(storage.transport);
    await worker.lease([{ jobId, taskIndex: 1 }]);
    first.stream.end();
    await first.inbox.closed();
    const second = await ScriptedScheduler.connect(storage.transport);
    second.send({ credit: 10 });
    expect((await second.take(2)).map(({ taskIndex }) => taskIndex)).toEqual([0, 2]);
    expect(second.tasks).toHaveLength(2);
  });

  test('goes to the scheduler that takes the place of another', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(chain(1));
    const first = await ScriptedScheduler.connect(storage.transport);
    first.send({ credit: 10 });
    await first.take(1);
    const second = await ScriptedScheduler.connect(storage.transport);
    expect(await first.inbox.closed()).toMatchObject({
      code: 'failed-precondition',
      message: 'another scheduler has taken over',
    });
    second.send({ credit: 1 });
    expect(await second.take(1)).toEqual([{ jobId, taskIndex: 0 }]);
  });
});

test('commit and cleanup tasks are handed out when their time has come', async () => {
  await using storage = await TestStorage.start();
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  scheduler.send({ credit: 10 });
  const worker = await ScriptedExecutionManager.register(storage.transport);
  const jobId = await storage.submit(withTermination());
  await worker.flushed(worker.succeed(await worker.lease(await scheduler.take(1)), OUTPUT));
  expect(await scheduler.take(1)).toEqual([{ jobId, taskIndex: COMMIT_TASK_INDEX }]);
  const [commit] = await worker.lease([{ jobId, taskIndex: COMMIT_TASK_INDEX }]);
  expect(commit).toMatchObject({ kind: 'test/commit', inputs: { length: 10 } });
  expect((await storage.jobs.cancelJob({ jobId })).state).toBe(JobState.CleanupReady);
  const [cleanup] = await worker.lease(await scheduler.take(1));
  expect(cleanup).toMatchObject({ taskIndex: CLEANUP_TASK_INDEX, kind: 'test/cleanup' });
  worker.succeed([cleanup!], []);
  const watched = await collect(storage.jobs.watchJob({ jobId }));
  expect(watched.at(-1)?.status?.state).toBe(JobState.Cancelled);
});

test('a scheduler hears of the ends of jobs of which it got tasks', async () => {
  await using storage = await TestStorage.start();
  const known = await storage.submit(chain(1));
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  scheduler.send({ credit: 1 });
  await scheduler.take(1);
  const unknown = await storage.submit(chain(1));
  await storage.jobs.cancelJob({ jobId: unknown });
  await storage.jobs.cancelJob({ jobId: known });
  await scheduler.inbox.first(({ endedJobIds }) => endedJobIds[0]);
  expect(scheduler.inbox.all.flatMap(({ endedJobIds }) => endedJobIds)).toEqual([known]);
});

describe('a message that breaks a rule ends its stream alone', () => {
  test.for<[string, Parameters<ScriptedScheduler['send']>[0][], string]>([
    ['no hello', [{ credit: 1 }], 'hello'],
    [
      'a second hello',
      [{ hello: { host: '', port: 0 } }, { hello: { host: '', port: 0 } }],
      'hello',
    ],
    ['a port that is none', [{ hello: { host: '', port: 70_000 } }], 'hello.port'],
    [
      'a version of the future',
      [{ hello: { host: '', port: 0, protocolVersion: 99 } }],
      'protocol_version: 99 is not known to this storage',
    ],
    ['too long a name', [{ hello: { host: 'x'.repeat(300), port: 1 } }], 'hello.host'],
    [
      'boundless credit',
      [{ hello: { host: '', port: 0 } }, { credit: 600_000 }, { credit: 600_000 }],
      'credit',
    ],
  ])('%s', async ([, messages, field]) => {
    await using storage = await TestStorage.start();
    const bad = new ScriptedScheduler(storage.transport);
    for (const message of messages) bad.send(message);
    const error = await bad.inbox.closed();
    expect(error).toMatchObject({ code: 'invalid-argument' });
    expect(error?.message).toContain(field);
    const good = await ScriptedScheduler.connect(storage.transport);
    good.send({ credit: 1 });
    const jobId = await storage.submit(chain(1));
    expect(await good.take(1)).toEqual([{ jobId, taskIndex: 0 }]);
  });
});
