import { LIMITS } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { expectVoid } from '../../../test/raw-grpc/expect-answer.ts';
import { message, parseMessage, submessage, uint } from '../../../test/raw-grpc/protobuf.ts';
import { RawClient } from '../../../test/raw-grpc/raw-client.ts';
import { frame } from '../../../test/raw-grpc/reference-graph.ts';
import type { GraphShape } from '../../../test/raw-grpc/reference-graph.ts';
import {
  COMMIT,
  index,
  pathOf,
  polledTasks,
  ReferenceWorld,
} from '../../../test/raw-grpc/reference-world.ts';
import { ScriptedScheduler } from '../../testing/scripted-scheduler.ts';
import { SteppedClock } from '../../testing/stepped-clock.ts';

const LANES = ['PollReadyTasks', 'PollReadyCommitTasks', 'PollReadyCleanupTasks'];
const HUGE = 2n ** 64n - 1n;
const OUTPUTS = frame(Buffer.of(42));

const tasks = (count: number): GraphShape => ({
  tasks: Array.from({ length: count }, () => ({ inputs: 0, outputs: 1 })),
});

/** Time stands still, so whatever is answered has not waited for it. */
async function start(handOutTimeoutMs = 30_000) {
  const clock = new SteppedClock();
  const world = await ReferenceWorld.start({
    clock,
    config: {
      runtime: {
        journal: { flush_records: 1 },
        inbound_queue: { hand_out_timeout_ms: handOutTimeoutMs },
      },
    },
  });
  return { clock, world, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

describe('a poll', () => {
  test.each(LANES)('%s carries the session also when there is nothing', async (method) => {
    await using started = await start();
    const { world } = started;
    for (const [max, waitMs] of [
      [16, 0],
      [0, HUGE],
      [0, 0],
    ] as const) {
      const response = await world.ok(method, [1, max], [2, waitMs]);
      expect(uint(submessage(response, 1), 1)).toBe(world.session);
      expect(polledTasks(response)).toEqual([]);
    }
  });

  test('brings job, resource group and name of each task, and no more than asked for', async () => {
    await using started = await start();
    const { world } = started;
    const added = await world.ok('AddResourceGroup', [1, 'nightly'], [2, 'secret']);
    const group = uint(added, 1);
    const job = await world.registerJob(tasks(3), Number(group));
    await world.ok('StartJob', [1, job]);
    expect(await world.poll('PollReadyTasks', 2)).toEqual([
      [job, '0800'],
      [job, '0801'],
    ]);
    const response = await world.ok('PollReadyTasks', [1, HUGE], [2, HUGE]);
    const [entry] = submessage(response, 1).get(2) ?? [];
    expect(uint(parseMessage(entry as Buffer), 1)).toBe(group);
    expect(polledTasks(response)).toEqual([[job, '0802']]);
  });

  test('that waits is answered the moment there is something, in its lane', async () => {
    await using started = await start();
    const { world } = started;
    const polls = LANES.map((method) => world.ok(method, [1, HUGE], [2, HUGE]));
    const [regular, commit, cleanup] = polls;
    const job = await world.startJob({ ...tasks(1), commit: true, cleanup: true });
    expect(polledTasks(await regular!)).toEqual([[job, '0800']]);
    await world.succeed(await world.lease(job, index(0)), OUTPUTS);
    expect(polledTasks(await commit!)).toEqual([[job, '1200']]);
    await world.lease(job, COMMIT);
    await world.ok('CancelJob', [1, job]);
    expect(polledTasks(await cleanup!)).toEqual([[job, '1a00']]);
  });

  test('that waits is answered with nothing when its time is over', async () => {
    await using started = await start();
    const { clock, world } = started;
    const polled = world.ok('PollReadyTasks', [1, 16], [2, 10]);
    expect(polledTasks(await clock.advanceUntil(polled))).toEqual([]);
  });

  test('whose client has gone away takes nothing with it', async () => {
    await using started = await start();
    const { world } = started;
    using other = new RawClient(world.storage.server.url);
    const gone = other.open(pathOf('PollReadyTasks'), message([1, 16], [2, HUGE]));
    // The answer to this shows that the poll before it has arrived.
    await other.call(pathOf('GetSession'), Buffer.of());
    gone.cancel();
    await expect(gone.answer).rejects.toThrow('no answer of gRPC');
    await other.call(pathOf('GetSession'), Buffer.of());
    const job = await world.startJob(tasks(1));
    expect(await world.poll()).toEqual([[job, '0800']]);
  });

  test('gets only as much as fits into one message, however much there is', async () => {
    await using started = await start();
    const { world } = started;
    const count = LIMITS.tasksPerPoll + 5;
    await world.startJob(tasks(count));
    const { body } = await world.call('PollReadyTasks', [1, HUGE], [2, 0]);
    expect(body.length).toBeLessThan(4 * 1024 * 1024);
    expect(polledTasks(parseMessage(body))).toHaveLength(LIMITS.tasksPerPoll);
    expect(await world.poll()).toHaveLength(5);
  });
});

describe('a task that was polled', () => {
  test('comes back if nobody asks for it in time', async () => {
    await using started = await start(8000);
    const { clock, world } = started;
    const job = await world.startJob(tasks(2));
    expect(await world.poll()).toHaveLength(2);
    await world.lease(job, index(0));
    expect(await world.poll()).toEqual([]);
    const polled = world.ok('PollReadyTasks', [1, 16], [2, HUGE]);
    expect(polledTasks(await clock.advanceUntil(polled))).toEqual([[job, '0801']]);
  });

  test('goes to a new scheduler at once, unless it is the first one', async () => {
    await using started = await start();
    const { world } = started;
    const register = () => world.ok('RegisterScheduler', [1, 'scheduler'], [2, 50_052]);
    const job = await world.startJob(tasks(2));
    await register();
    expect(await world.poll()).toHaveLength(2);
    await world.lease(job, index(0));
    await register();
    expect(await world.poll()).toEqual([[job, '0801']]);
  });
});

test('while a scheduler polls, ours stands by, and takes over when it is gone', async () => {
  await using started = await start();
  const { clock, world } = started;
  const { transport } = world.storage;
  const before = await ScriptedScheduler.connect(transport);
  before.send({ credit: 100 });
  const job = await world.startJob(tasks(2));
  await before.take(2);
  expect(await world.poll()).toHaveLength(2);
  expect(await before.inbox.closed()).toMatchObject({
    code: 'failed-precondition',
    message: 'another scheduler has taken over',
  });
  const lease = await world.lease(job, index(0));
  const after = new ScriptedScheduler(transport);
  after.send({ hello: { host: 'ours', port: 1 }, credit: 100 });
  expectVoid(await world.fail(lease, 'out of disk'));
  const next = await world.startJob(tasks(1));
  expect(await world.poll()).toEqual([[next, '0800']]);
  expect(after.inbox.all).toEqual([]);
  // Nobody polls any more.
  await clock.advanceUntil(after.inbox.first(({ welcome }) => welcome));
  const last = await world.startJob(tasks(1));
  expect(await after.take(1)).toEqual([{ jobId: last, taskIndex: 0 }]);
  after.stream.cancel();
});
