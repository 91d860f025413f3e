import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { encodeFrame, JobState } from '@spider/core';
import { ExchangeRequestSchema, JobService, WorkerService } from '@spider/proto';
import type { ExchangeRequest } from '@spider/proto';
import { RecordingLogger } from '@spider/runtime/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diamond, encoded, flat, withTermination } from './testing/graphs.ts';
import { collect } from './testing/inbox.ts';
import { ScriptedExecutionManager } from './testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from './testing/scripted-scheduler.ts';
import { TestStorage } from './testing/test-storage.ts';

/** Ids and indexes are mostly ones that exist: what is wrong altogether is refused early. */
const id = fc.oneof(fc.bigInt(0n, 6n), fc.bigInt(0n, 2n ** 64n - 1n));
const index = fc.oneof(fc.nat(4), fc.constantFrom(0xffff_ffff, 0xffff_fffe), fc.nat(0xffff_ffff));
const instance = fc.oneof(fc.bigInt(2n ** 32n, 2n ** 32n + 10n), fc.bigInt(0n, 2n ** 64n - 1n));
const bytes = fc.oneof(
  fc.constant(encodeFrame([new Uint8Array([1])])),
  fc.constant(encodeFrame([])),
  fc.uint8Array({ maxLength: 20 }),
);
const column = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { maxLength: 4 });

/** Columns that run in parallel, and now and then some that do not. */
const report = fc
  .record({ jobId: id, base: instance, tasks: column(index), payload: bytes, damage: fc.nat(20) })
  .map(({ jobId, base, tasks, payload, damage }) => ({
    instances: {
      jobId,
      instanceBase: base,
      taskIndexes: tasks,
      instanceOffsets: tasks.map((_, at) => at),
    },
    outcomes: tasks.map((_, at) => ((at + damage) % 4) + (damage === 1 ? 2 : 1)),
    payloadLengths: tasks.map(() => payload.length),
    payloads: Buffer.concat(tasks.map(() => payload)),
    startedBaseMs: 1n,
    startedOffsetsMs: tasks.map(() => 0),
    elapsedUs: damage === 2 ? [] : tasks.map(() => 1),
  }));

const exchange = fc
  .record({
    hello: fc.option(
      fc.record({
        executionManagerId: id,
        held: column(
          column(index).map((taskIndexes) => ({
            jobId: 1n,
            instanceBase: 2n ** 32n,
            taskIndexes,
            instanceOffsets: taskIndexes.map((_, at) => at),
          })),
        ),
      }),
      { nil: undefined, freq: 20 },
    ),
    leases: column(fc.record({ jobId: id, taskIndexes: column(index) })),
    reports: column(report),
    reportSequence: fc.oneof(fc.bigInt(0n, 20n), id),
  })
  .map(({ hello, ...rest }) => create(ExchangeRequestSchema, { ...rest, ...(hello && { hello }) }));

/** Now and then a job whose time is over soon, and now and then something that does not exist. */
const policy = fc.record({
  durability: fc.integer({ min: 0, max: 4 }),
  failurePolicy: fc.integer({ min: 0, max: 3 }),
  cleanupAfterFailure: fc.boolean(),
  deadlineMs: fc.constantFrom(0n, 0n, 0n, 1n, 20n, 2n ** 64n - 1n),
  deadlineAtMs: fc.constantFrom(0n, 0n, 0n, 1n, 8_640_000_000_000_000n),
});

type Call = (storage: TestStorage, worker: ScriptedExecutionManager) => Promise<unknown>;

const unary = (call: (storage: TestStorage) => Promise<unknown>): Call => call;

const call: fc.Arbitrary<Call> = fc.oneof(
  exchange.map(
    (message: ExchangeRequest): Call =>
      async (_, worker) =>
        worker.stream.send(message),
  ),
  id.map((jobId) => unary(({ jobs }) => jobs.startJob({ jobId }))),
  fc
    .tuple(id, fc.constantFrom('', 'why', 'x'.repeat(2000)))
    .map(([jobId, reason]) => unary(({ jobs }) => jobs.cancelJob({ jobId, reason }))),
  id.map((jobId) => unary(({ jobs }) => jobs.retryJob({ jobId, start: true }))),
  id.map((jobId) => unary(({ jobs }) => jobs.getJob({ jobId }))),
  id.map((jobId) => unary(({ jobs }) => jobs.getJobOutputs({ jobId }))),
  fc
    .record({ taskGraph: bytes, inputs: bytes, resourceGroupId: id, start: fc.boolean() })
    .map((request) => unary(({ jobs }) => jobs.submitJob(request))),
  fc.tuple(fc.constantFrom(flat(3), diamond(), withTermination()), policy).map(([graph, rules]) =>
    unary(({ jobs }) =>
      jobs.submitJob({
        taskGraph: encoded(graph),
        inputs: encodeFrame([new Uint8Array([1])]),
        start: true,
        ...(rules as object),
      }),
    ),
  ),
  id.map((executionManagerId) =>
    unary(({ transport }) =>
      createClient(WorkerService, transport).deregisterExecutionManager({ executionManagerId }),
    ),
  ),
);

test('no sequence of calls stops the server, and jobs still run to their ends', async () => {
  const logger = new RecordingLogger();
  await using storage = await TestStorage.start({ logger });
  let scheduler = await ScriptedScheduler.connect(storage.transport);
  scheduler.send({ credit: 1_000_000 });
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 40 }), async (calls) => {
      const worker = await ScriptedExecutionManager.register(storage.transport);
      // Each is refused or answered; a stream that was broken ignores what is sent.
      for (const each of calls) await each(storage, worker).catch(() => undefined);
      worker.stream.cancel();
    }),
    { numRuns: 60 },
  );
  scheduler.stream.cancel();
  await scheduler.inbox.closed();
  scheduler = await ScriptedScheduler.connect(storage.transport);

  const sound = await ScriptedExecutionManager.register(storage.transport);
  const jobId = await storage.submit(flat(2));
  const leased = await sound.lease([0, 1].map((taskIndex) => ({ jobId, taskIndex })));
  sound.succeed(leased, [new Uint8Array([1])]);
  const jobs = createClient(JobService, storage.transport);
  const watched = await collect(jobs.watchJob({ jobId }));
  expect(watched.at(-1)?.status?.state).toBe(JobState.Succeeded);
  // Neither did a job contradict itself, nor was a handler at a loss.
  expect(logger.messages('error')).toEqual([]);
});
