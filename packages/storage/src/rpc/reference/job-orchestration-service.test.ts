import { LIMITS } from '@spider/core';
import type { Clock } from '@spider/runtime';
import { describe, expect, test } from 'vitest';
import { bytes, uint } from '../../../test/raw-grpc/protobuf.ts';
import { expectRefused, expectVoid } from '../../../test/raw-grpc/expect-answer.ts';
import { Code } from '../../../test/raw-grpc/raw-client.ts';
import { frame, graphJson, hex, zstd, ONE_TASK } from '../../../test/raw-grpc/reference-graph.ts';
import {
  CLEANUP,
  COMMIT,
  GROUP,
  index,
  ReferenceWorld,
  State,
} from '../../../test/raw-grpc/reference-world.ts';
import { SteppedClock } from '../../testing/stepped-clock.ts';

const OUTPUTS = frame(Buffer.of(42));
const GRAPH = zstd(graphJson(ONE_TASK));
const INPUTS = zstd(frame(Buffer.of(42)));
const STALE = 'cache stale: instance ';

/** Nothing waits for a timer, so time can stand still. */
const start = (clock?: Clock): Promise<ReferenceWorld> =>
  ReferenceWorld.start({
    config: { runtime: { journal: { flush_records: 1 } } },
    ...(clock && { clock }),
  });

async function succeededJob(world: ReferenceWorld): Promise<bigint> {
  const job = await world.startJob(ONE_TASK);
  expectVoid(await world.succeed(await world.lease(job, index(0)), OUTPUTS));
  return job;
}

async function failedJob(world: ReferenceWorld, error = 'it broke'): Promise<bigint> {
  const job = await world.startJob(ONE_TASK);
  await world.fail(await world.lease(job, index(0)), error);
  return job;
}

async function cancelledJob(world: ReferenceWorld): Promise<bigint> {
  const job = await world.startJob(ONE_TASK);
  await world.ok('CancelJob', [1, job]);
  return job;
}

describe('RegisterJob', () => {
  test('enters a job that waits to be started', async () => {
    await using world = await start();
    const job = await world.registerJob(ONE_TASK);
    expect(job).toBeGreaterThan(0n);
    expect(await world.registerJob(ONE_TASK)).toBeGreaterThan(job);
    expect(await world.state(job)).toBe(State.Ready);
    expect(await world.poll()).toEqual([]);
  });

  test('takes graphs and inputs in several zstd frames, skippable ones among them', async () => {
    await using world = await start();
    const text = graphJson(ONE_TASK);
    const skippable = hex('502a4d18 03000000 010203');
    const graph = Buffer.concat([skippable, zstd(text.slice(0, 20)), zstd(text.slice(20))]);
    const inputs = hex('28b52ffd0058 490000 01000000010000002a');
    const registered = await world.ok('RegisterJob', [1, GROUP], [2, graph], [3, inputs]);
    expect(await world.state(uint(registered, 1))).toBe(State.Ready);
  });

  test.each([
    ['a graph that is not zstd', Buffer.from('graph'), INPUTS, 'task_graph: zstd: '],
    ['a graph of no bytes', Buffer.of(), INPUTS, 'task_graph: '],
    ['a graph that is not JSON', zstd('{'), INPUTS, 'task_graph: task graph JSON: '],
    [
      'a graph without tasks',
      zstd(graphJson({ tasks: [] })),
      zstd(frame()),
      'task_graph: has no tasks',
    ],
    ['a graph of another schema', zstd('{"schema_version":"9.0.0"}'), INPUTS, 'task_graph: '],
    ['inputs that are not zstd', GRAPH, Buffer.from('inputs'), 'inputs: zstd: '],
    ['inputs that are no frame', GRAPH, zstd('xyz'), 'wire frame'],
    ['inputs that are cut off', GRAPH, zstd(hex('01000000 02000000 2a')), 'wire frame'],
    ['inputs that promise gigabytes', GRAPH, zstd(hex('ffffffff')), 'wire frame'],
    ['too few inputs', GRAPH, zstd(frame()), 'inputs: has 0 payloads, but the graph takes 1'],
    ['too many inputs', GRAPH, zstd(frame(Buffer.of(1), Buffer.of(2))), 'inputs: has 2 payloads'],
    [
      'a graph that is a bomb',
      zstd(Buffer.alloc(LIMITS.decompressedBytes + 1, ' ')),
      INPUTS,
      `task_graph: zstd: decompresses to more than ${LIMITS.decompressedBytes} bytes`,
    ],
    [
      'inputs that are a bomb',
      GRAPH,
      zstd(Buffer.alloc(LIMITS.decompressedBytes + 1)),
      `inputs: zstd: decompresses to more than ${LIMITS.decompressedBytes} bytes`,
    ],
  ])('refuses %s', async (_, graph, inputs, text) => {
    await using world = await start();
    const answer = await world.call('RegisterJob', [1, GROUP], [2, graph], [3, inputs]);
    expect(answer.code).toBe(Code.InvalidArgument);
    expect(answer.message).toContain(text);
    expect(await world.registerJob(ONE_TASK)).toBe(1n);
  });

  test('refuses resource groups that do not exist, and 0 is one of them', async () => {
    await using world = await start();
    for (const group of [0, 404, 2n ** 64n - 1n]) {
      const answer = await world.call('RegisterJob', [1, group], [2, GRAPH], [3, INPUTS]);
      expectRefused(answer, Code.Unauthenticated, `resource group ${group} does not exist`);
    }
    const bad = await world.call('RegisterJob', [1, 404], [2, zstd('{')], [3, INPUTS]);
    expect(bad.code).toBe(Code.InvalidArgument);
  });
});

describe('StartJob', () => {
  test('starts a job once', async () => {
    await using world = await start();
    const job = await world.registerJob(ONE_TASK);
    expect(uint(await world.ok('StartJob', [1, job]), 1)).toBe(State.Running);
    expectRefused(
      await world.call('StartJob', [1, job]),
      Code.FailedPrecondition,
      `job ${job} is RUNNING; only a READY job can be started`,
    );
    expect(await world.state(job)).toBe(State.Running);
  });

  test('refuses a job that has ended, and does not know one that ended long ago', async () => {
    const clock = new SteppedClock();
    await using world = await start(clock);
    const jobs = [await succeededJob(world), await failedJob(world), await cancelledJob(world)];
    for (const job of jobs) {
      expectRefused(
        await world.call('StartJob', [1, job]),
        Code.FailedPrecondition,
        'only a READY job can be started',
      );
    }
    clock.advance(301_000);
    for (const job of [...jobs, 0n, 404n, 2n ** 64n - 1n]) {
      expectRefused(await world.call('StartJob', [1, job]), Code.NotFound, `job ${job} `);
    }
  });
});

describe('CancelJob', () => {
  test('of a job that was not started has nothing to clean up', async () => {
    await using world = await start();
    for (const graph of [ONE_TASK, { ...ONE_TASK, cleanup: true }]) {
      const job = await world.registerJob(graph);
      expect(uint(await world.ok('CancelJob', [1, job]), 1)).toBe(State.Cancelled);
      expect(await world.state(job)).toBe(State.Cancelled);
    }
    expect(await world.poll('PollReadyCleanupTasks')).toEqual([]);
  });

  test('of a job under way cleans up, if there is a task for it', async () => {
    await using world = await start();
    const plain = await world.startJob(ONE_TASK);
    expect(uint(await world.ok('CancelJob', [1, plain]), 1)).toBe(State.Cancelled);
    const job = await world.startJob({ ...ONE_TASK, cleanup: true });
    const running = await world.lease(job, index(0));
    expect(uint(await world.ok('CancelJob', [1, job]), 1)).toBe(State.CleanupReady);
    expectRefused(await world.succeed(running, OUTPUTS), Code.FailedPrecondition, STALE);
    expectRefused(await world.fail(running, 'late'), Code.FailedPrecondition, STALE);
    expect(await world.poll('PollReadyCleanupTasks')).toEqual([[job, CLEANUP.toString('hex')]]);
    const cleanup = await world.lease(job, CLEANUP);
    expectVoid(await world.succeed(cleanup, frame()));
    expect(await world.state(job)).toBe(State.Cancelled);
  });

  test('of a job whose tasks have all succeeded keeps the commit task from running', async () => {
    await using world = await start();
    for (const cleanup of [false, true]) {
      const job = await world.startJob({ ...ONE_TASK, commit: true, cleanup });
      await world.succeed(await world.lease(job, index(0)), OUTPUTS);
      expect(await world.state(job)).toBe(State.CommitReady);
      const commit = await world.lease(job, COMMIT);
      const state = cleanup ? State.CleanupReady : State.Cancelled;
      expect(uint(await world.ok('CancelJob', [1, job]), 1)).toBe(state);
      expectRefused(await world.succeed(commit, frame()), Code.FailedPrecondition, STALE);
      expect(await world.state(job)).toBe(state);
    }
  });

  test('comes too late for a job that has ended, or is being cleaned up', async () => {
    await using world = await start();
    const job = await world.startJob({ ...ONE_TASK, cleanup: true });
    await world.ok('CancelJob', [1, job]);
    const states = [
      [job, 'CLEANUP_READY'],
      [await succeededJob(world), 'SUCCEEDED'],
      [await failedJob(world), 'FAILED'],
      [await cancelledJob(world), 'CANCELLED'],
    ] as const;
    for (const [ended, state] of states) {
      expectRefused(
        await world.call('CancelJob', [1, ended]),
        Code.FailedPrecondition,
        `job ${ended} is ${state}; `,
      );
    }
  });

  test('answers the state of a job that ended long ago, and knows no other', async () => {
    const clock = new SteppedClock();
    await using world = await start(clock);
    const jobs = [await succeededJob(world), await failedJob(world), await cancelledJob(world)];
    clock.advance(301_000);
    const states = [];
    for (const job of jobs) states.push(uint(await world.ok('CancelJob', [1, job]), 1));
    expect(states).toEqual([State.Succeeded, State.Failed, State.Cancelled]);
    for (const unknown of [0n, 404n, 2n ** 64n - 1n]) {
      expectRefused(await world.call('CancelJob', [1, unknown]), Code.NotFound, 'does not exist');
    }
  });
});

describe('what has become of a job', () => {
  test('is told while it is in memory, and afterwards', async () => {
    const clock = new SteppedClock();
    await using world = await start(clock);
    const [succeeded, failed] = [await succeededJob(world), await failedJob(world, 'no diskö')];
    for (const ageMs of [0, 301_000]) {
      clock.advance(ageMs);
      expect(await world.state(succeeded)).toBe(State.Succeeded);
      const outputs = bytes(await world.ok('GetJobOutputs', [1, succeeded]), 1);
      expect(outputs?.toString('hex')).toBe('0001000000010000002a');
      expectRefused(
        await world.call('GetJobError', [1, succeeded]),
        Code.FailedPrecondition,
        `job ${succeeded} is SUCCEEDED; it has an error once it is FAILED`,
      );
      expect(await world.state(failed)).toBe(State.Failed);
      const error = bytes(await world.ok('GetJobError', [1, failed]), 1);
      expect(error?.toString()).toBe('no diskö');
      expectRefused(
        await world.call('GetJobOutputs', [1, failed]),
        Code.FailedPrecondition,
        `job ${failed} is FAILED; it has outputs once it is SUCCEEDED`,
      );
    }
  });

  test('is not known before its end', async () => {
    await using world = await start();
    const job = await world.registerJob(ONE_TASK);
    for (const state of ['READY', 'RUNNING']) {
      expectRefused(
        await world.call('GetJobOutputs', [1, job]),
        Code.FailedPrecondition,
        `job ${job} is ${state}; it has outputs once it is SUCCEEDED`,
      );
      expectRefused(
        await world.call('GetJobError', [1, job]),
        Code.FailedPrecondition,
        `job ${job} is ${state}; it has an error once it is FAILED`,
      );
      if (state === 'READY') await world.ok('StartJob', [1, job]);
    }
    const lease = await world.lease(job, index(0));
    await world.succeed(lease, OUTPUTS);
    expect(await world.state(job)).toBe(State.Succeeded);
  });

  test('is not known of a job that does not exist', async () => {
    await using world = await start();
    for (const method of ['GetJobState', 'GetJobOutputs', 'GetJobError']) {
      for (const unknown of [0n, 404n, 2n ** 64n - 1n]) {
        expectRefused(
          await world.call(method, [1, unknown]),
          Code.NotFound,
          `job ${unknown} does not exist`,
        );
      }
    }
  });

  test('is an output of each task without children, in their order', async () => {
    await using world = await start();
    const job = await world.startJob({
      tasks: [
        { inputs: 1, outputs: 1 },
        { inputs: 1, outputs: 2, sources: [[0, 0]] },
        { inputs: 0, outputs: 1 },
        { inputs: 0, outputs: 0 },
      ],
    });
    const outputs = [[1], [2, 3], [4], []];
    for (const [task, values] of outputs.entries()) {
      const lease = await world.lease(job, index(task));
      expectVoid(await world.succeed(lease, frame(...values.map((value) => Buffer.of(value)))));
    }
    const packed = bytes(await world.ok('GetJobOutputs', [1, job]), 1);
    expect(packed?.toString('hex')).toBe(
      Buffer.concat([Buffer.of(0), frame(Buffer.of(2), Buffer.of(3), Buffer.of(4))]).toString(
        'hex',
      ),
    );
  });
});
