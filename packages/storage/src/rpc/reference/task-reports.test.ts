import { LIMITS, toId } from '@spider/core';
import type { JobId } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { expectRefused, expectVoid } from '../../../test/raw-grpc/expect-answer.ts';
import { bytes } from '../../../test/raw-grpc/protobuf.ts';
import type { Message } from '../../../test/raw-grpc/protobuf.ts';
import { Code } from '../../../test/raw-grpc/raw-client.ts';
import {
  frame,
  hex,
  ONE_TASK,
  TWO_IN_A_ROW,
  withPolicy,
} from '../../../test/raw-grpc/reference-graph.ts';
import {
  CLEANUP,
  COMMIT,
  index,
  ReferenceWorld,
  State,
  UNKNOWN_INDEXES,
} from '../../../test/raw-grpc/reference-world.ts';
import type { TestStorageOptions } from '../../testing/test-storage.ts';
import { JournalDecoder } from '../../journal/journal-record.ts';
import { openMemoryStore } from '../../testing/memory-store.ts';
import { SteppedClock } from '../../testing/stepped-clock.ts';

const OUTPUTS = frame(Buffer.of(42));

/** Reports are flushed at once, so that time can stand still. */
const start = (options: TestStorageOptions = {}): Promise<ReferenceWorld> =>
  ReferenceWorld.start({ config: { runtime: { journal: { flush_records: 1 } } }, ...options });

const io = (context: Message): string | undefined => bytes(context, 4)?.toString('hex');

describe('a report', () => {
  test('of a success goes on with the children, and of the last one ends the job', async () => {
    await using world = await start();
    const job = await world.startJob(TWO_IN_A_ROW);
    expect(await world.poll()).toEqual([[job, '0800']]);
    expectVoid(await world.succeed(await world.lease(job, index(0)), OUTPUTS));
    expect(await world.poll()).toEqual([[job, '0801']]);
    expectVoid(await world.succeed(await world.lease(job, index(1)), OUTPUTS));
    expect(await world.state(job)).toBe(State.Succeeded);
  });

  test('of a failure is tried again while retries are left, then it fails the job', async () => {
    await using world = await start();
    const job = await world.startJob(withPolicy({ max_num_retry: 1 }));
    await world.poll();
    expectVoid(await world.fail(await world.lease(job, index(0)), 'first'));
    expect(await world.state(job)).toBe(State.Running);
    expect(await world.poll()).toEqual([[job, '0800']]);
    expectVoid(await world.fail(await world.lease(job, index(0)), 'sécond'));
    expect(await world.state(job)).toBe(State.Failed);
    expect(await world.error(job)).toBe('sécond');
  });

  test('of a failure may say nothing, or much more than is kept', async () => {
    await using world = await start();
    const silent = await world.startJob(ONE_TASK);
    expectVoid(await world.fail(await world.lease(silent, index(0)), ''));
    expect(await world.error(silent)).toBe('task 0 failed without a message');
    const verbose = await world.startJob(ONE_TASK);
    const error = 'x'.repeat(LIMITS.errorMessageBytes + 7);
    expectVoid(await world.fail(await world.lease(verbose, index(0)), error));
    expect(await world.error(verbose)).toBe(error.slice(7));
  });

  test('of commit and cleanup tasks ends the job, whatever they returned', async () => {
    await using world = await start();
    const committed = await world.startJob({ ...ONE_TASK, commit: true });
    await world.succeed(await world.lease(committed, index(0)), OUTPUTS);
    expect(await world.poll('PollReadyCommitTasks')).toEqual([[committed, '1200']]);
    expectVoid(await world.succeed(await world.lease(committed, COMMIT), Buffer.from('?')));
    expect(await world.state(committed)).toBe(State.Succeeded);
    const failed = await world.startJob({ ...ONE_TASK, commit: true });
    await world.succeed(await world.lease(failed, index(0)), OUTPUTS);
    expectVoid(await world.fail(await world.lease(failed, COMMIT), 'no commit'));
    expect(await world.error(failed)).toBe('no commit');
    const cleaned = await world.startJob({ ...ONE_TASK, cleanup: true });
    await world.ok('CancelJob', [1, cleaned]);
    expectVoid(await world.succeed(await world.lease(cleaned, CLEANUP), Buffer.of()));
    expect(await world.state(cleaned)).toBe(State.Cancelled);
  });

  test('of too many or too few outputs counts as a failure', async () => {
    await using world = await start();
    for (const outputs of [[], [Buffer.of(1), Buffer.of(2)]]) {
      const job = await world.startJob(withPolicy({ max_num_retry: 1 }));
      await world.poll();
      const answer = await world.succeed(await world.lease(job, index(0)), frame(...outputs));
      const text = `serialized_outputs: ${outputs.length} outputs are not what task 0 declares`;
      expectRefused(answer, Code.InvalidArgument, text);
      expect(await world.poll()).toEqual([[job, '0800']]);
      await world.succeed(await world.lease(job, index(0)), frame(...outputs));
      expect(await world.state(job)).toBe(State.Failed);
      expect(await world.error(job)).toBe(
        `task 0: the task returned ${outputs.length} outputs, not 1`,
      );
    }
  });

  test('of outputs that are no frame is refused before all else, and counts as a failure', async () => {
    await using world = await start();
    const broken = ['', '000000', '01000000', '0100000002000000 2a', 'ffffffff'].map(hex);
    for (const outputs of broken) {
      const job = await world.startJob(ONE_TASK);
      const lease = await world.lease(job, index(0));
      const nowhere = { ...lease, job: 404n };
      for (const report of [nowhere, lease]) {
        const answer = await world.succeed(report, outputs);
        expectRefused(answer, Code.InvalidArgument, 'serialized_outputs: a wire frame ');
      }
      expect(await world.state(job)).toBe(State.Failed);
      expect(await world.error(job)).toContain('serialized_outputs: a wire frame ');
    }
  });

  test('of outputs with something behind them is taken', async () => {
    await using world = await start();
    const job = await world.startJob(TWO_IN_A_ROW);
    const outputs = Buffer.concat([OUTPUTS, Buffer.from('behind')]);
    expectVoid(await world.succeed(await world.lease(job, index(0)), outputs));
    const { context } = await world.lease(job, index(1));
    expect(io(context)).toBe(OUTPUTS.toString('hex'));
  });

  test('is stale unless it is of an instance that runs', async () => {
    await using world = await start();
    const job = await world.startJob(TWO_IN_A_ROW);
    const lease = await world.lease(job, index(0));
    const other = await world.registerManager();
    const wrong = [
      { ...lease, job: 404n },
      { ...lease, instance: lease.instance + 1n },
      { ...lease, instance: 0n },
      { ...lease, instance: 2n ** 64n - 1n },
      { ...lease, manager: other },
      { ...lease, manager: 404n },
      { ...lease, task: index(1) },
      ...[...UNKNOWN_INDEXES.map(index), COMMIT, CLEANUP].map((task) => ({ ...lease, task })),
    ];
    for (const report of wrong) {
      const text = `cache stale: instance ${report.instance} of `;
      expectRefused(await world.succeed(report, OUTPUTS), Code.FailedPrecondition, text);
      expectRefused(await world.fail(report, 'no'), Code.FailedPrecondition, text);
    }
    expectVoid(await world.succeed(lease, OUTPUTS));
    // Twice is once.
    expectRefused(await world.succeed(lease, OUTPUTS), Code.FailedPrecondition, 'cache stale: ');
    expectRefused(await world.fail(lease, 'no'), Code.FailedPrecondition, 'cache stale: ');
    expectVoid(await world.succeed(await world.lease(job, index(1)), OUTPUTS));
    expectRefused(await world.succeed(lease, OUTPUTS), Code.FailedPrecondition, 'cache stale: ');
  });

  test('of a job that was not started is stale', async () => {
    await using world = await start();
    const job = await world.registerJob(ONE_TASK);
    const manager = await world.registerManager();
    const report = { job, task: index(0), instance: 1n, manager, context: new Map() };
    const text = `cache stale: instance 1 of task 0 of job ${job} is not running`;
    expectRefused(await world.succeed(report, OUTPUTS), Code.FailedPrecondition, text);
    expectRefused(await world.fail(report, 'no'), Code.FailedPrecondition, text);
  });

  test('is answered when it is durable', async () => {
    const clock = new SteppedClock();
    const store = await openMemoryStore();
    await using world = await start({ clock, store, config: {} });
    const job = await world.startJob(TWO_IN_A_ROW);
    const lease = await world.lease(job, index(0));
    clock.advance(1000);
    const order: string[] = [];
    const answered = world.succeed(lease, OUTPUTS).then((answer) => {
      order.push('answered');
      return answer;
    });
    // It has taken effect at once.
    await world.lease(job, index(1));
    order.push('went on');
    const jobId = toId<JobId>(job);
    expect(await store.jobs.readJournal(jobId, 0, 9)).toEqual([]);
    clock.advance(5);
    expectVoid(await answered);
    expect(order).toEqual(['went on', 'answered']);
    const [row] = await store.jobs.readJournal(jobId, 0, 9);
    const [attempt] = new JournalDecoder().push(row?.records ?? Buffer.of());
    expect(attempt).toMatchObject({
      executionManager: Number(lease.manager),
      instanceBase: Number(lease.instance),
      startedBaseMs: clock.now() - 1005,
    });
    expect(Array.from(attempt?.elapsedUs ?? [])).toEqual([1_000_000]);
  });
});

test('a slow instance may have one beside it, also where the limit is one', async () => {
  const clock = new SteppedClock();
  await using world = await start({ clock });
  const policy = { timeout_policy: { soft_timeout_ms: 500, hard_timeout_ms: 1000 } };
  const job = await world.startJob(withPolicy(policy));
  await world.poll();
  const slow = await world.lease(job, index(0));
  clock.advance(499);
  expect(await world.poll()).toEqual([]);
  clock.advance(1);
  expect(await world.poll()).toEqual([[job, '0800']]);
  const quick = await world.lease(job, index(0));
  expectVoid(await world.succeed(quick, OUTPUTS));
  expectRefused(await world.succeed(slow, OUTPUTS), Code.FailedPrecondition, 'cache stale: ');
  expect(await world.state(job)).toBe(State.Succeeded);
});
