import {
  decodeFrame,
  decodeSerializedOutputs,
  DEFAULT_EXECUTION_POLICY,
  encodeFrame,
  JobState,
  SpiderError,
  TaskGraphBuilder,
  toId,
} from '@spider/core';
import type { TaskGraph, TaskSource } from '@spider/core';
import { nodeZstd } from '@spider/runtime/node';
import { RecordingLogger } from '@spider/runtime/testing';
import { describe, expect, test, vi } from 'vitest';
import type { JournalRow, Store } from '../src/db/job-store.ts';
import { collect } from '../src/testing/inbox.ts';
import { ScriptedExecutionManager } from '../src/testing/scripted-execution-manager.ts';
import type { LeasedTask } from '../src/testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../src/testing/scripted-scheduler.ts';
import { TestStorage } from '../src/testing/test-storage.ts';

const MIB = 1024 * 1024;
/** What these tests let outputs have. */
const QUOTA_BYTES = MIB;
const OUTPUT_BYTES = 64 * 1024;
/** Their outputs come to five times the quota. */
const PRODUCERS = 80;
/** Each takes the outputs of so many others that lie far apart. */
const FAN_IN = 8;
const COMBINERS = PRODUCERS / FAN_IN;
/** What was read back last, and what has not been flushed, come on top. */
const MEMORY_BYTES = 3 * MIB;

const BYTES = { shared: false, value: { type: 'bytes' } } as const;

/** What a task returns: other bytes than any other, of a combiner a few, of a producer many. */
const outputOf = (task: number): Uint8Array =>
  new Uint8Array(task < PRODUCERS ? OUTPUT_BYTES : 8).fill(task);

const kind = (inputs: number) => ({
  packageName: 'test',
  functionName: `take${inputs}`,
  inputs: Array.from({ length: inputs }, () => BYTES),
  outputs: [BYTES],
  policy: { ...DEFAULT_EXECUTION_POLICY, maxRetries: 2 },
});

const fromTask = (task: number): TaskSource => ({ from: 'task', task, position: 0 });

/** The producers, and nothing else: what they return is what the job does. */
function producers(builder = new TaskGraphBuilder()): TaskGraphBuilder {
  for (let task = 0; task < PRODUCERS; task++) builder.addTask({ kind: kind(0), sources: [] });
  return builder;
}

/** Producers, combiners that take what they return, and one task that takes what those do. */
function combining(): TaskGraph {
  const builder = producers();
  for (let combiner = 0; combiner < COMBINERS; combiner++) {
    builder.addTask({ kind: kind(FAN_IN), sources: parentsOf(PRODUCERS + combiner).map(fromTask) });
  }
  const all = Array.from({ length: COMBINERS }, (_, combiner) => fromTask(PRODUCERS + combiner));
  builder.addTask({ kind: kind(COMBINERS), sources: all });
  return builder.build();
}

/** Whose outputs a task takes. */
function parentsOf(task: number): number[] {
  if (task < PRODUCERS) return [];
  const first = task - PRODUCERS;
  if (first === COMBINERS) {
    return Array.from({ length: COMBINERS }, (_, combiner) => PRODUCERS + combiner);
  }
  return Array.from({ length: FAN_IN }, (_, at) => first + at * COMBINERS);
}

/** A storage with a scheduler and an execution manager that do what they are told. */
interface World extends AsyncDisposable {
  readonly storage: TestStorage;
  readonly logger: RecordingLogger;
  readonly scheduler: ScriptedScheduler;
  readonly worker: ScriptedExecutionManager;
}

interface WorldOptions {
  /** Of one that an earlier storage knew. */
  readonly workerId?: bigint;
  readonly durability?: 'job' | 'task' | 'sync';
  readonly logger?: RecordingLogger;
}

async function startWorld(store: Store, options: WorldOptions = {}): Promise<World> {
  const { workerId, durability = 'task', logger = new RecordingLogger() } = options;
  const storage = await TestStorage.start({
    store,
    logger,
    config: {
      runtime: { task_outputs: { memory_mb: QUOTA_BYTES / MIB }, journal: { durability } },
    },
  });
  const { transport } = storage;
  const scheduler = await ScriptedScheduler.connect(transport);
  const worker =
    workerId === undefined
      ? await ScriptedExecutionManager.register(transport)
      : await ScriptedExecutionManager.connect(transport, workerId);
  scheduler.send({ credit: 1_000_000 });
  return {
    storage,
    logger,
    scheduler,
    worker,
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };
}

/** Runs the next tasks, checks what they were given, and reports what they return. */
async function run({ scheduler, worker }: World, count: number): Promise<void> {
  for (let left = count; left > 0;) {
    const leased = await worker.lease(await scheduler.take(Math.min(left, COMBINERS)));
    left -= leased.length;
    await report(worker, leased);
  }
}

async function report(worker: ScriptedExecutionManager, leased: LeasedTask[]): Promise<void> {
  for (const { taskIndex, inputs } of leased) {
    const expected = encodeFrame(parentsOf(taskIndex).map(outputOf));
    expect(Buffer.compare(inputs, expected)).toBe(0);
  }
  const sequence = worker.report(
    leased.map(({ jobId, taskIndex, instance }) => ({
      jobId,
      taskIndex,
      instance,
      payload: encodeFrame([outputOf(taskIndex)]),
    })),
  );
  await worker.flushed(sequence);
}

async function finalStatus(storage: TestStorage, jobId: bigint) {
  return (await collect(storage.jobs.watchJob({ jobId }))).at(-1)?.status;
}

async function outputsOf(storage: TestStorage, jobId: bigint): Promise<Uint8Array[]> {
  const { serializedOutputs } = await storage.jobs.getJobOutputs({ jobId });
  return decodeFrame(decodeSerializedOutputs(serializedOutputs, nodeZstd));
}

/** What every database must do for outputs that exceed their memory. */
export function describeSpills(
  name: string,
  withDatabase: (run: (open: () => Promise<Store>) => Promise<void>) => Promise<void>,
): void {
  const withStore = (test: (store: Store, open: () => Promise<Store>) => Promise<void>) => () =>
    withDatabase(async (open) => test(await open(), open));

  describe(`outputs that exceed their memory, on ${name}`, () => {
    test(
      'stay in the journal until they are needed',
      withStore(async (store) => {
        await using world = await startWorld(store);
        const { storage, logger } = world;
        const jobId = await storage.submit(combining());
        await run(world, PRODUCERS);
        expect(storage.service.outputBytes).toBeLessThan(MEMORY_BYTES);
        expect(logger.messages('info')).toContain(
          'outputs exceed their memory; the journal alone has the rest from now on',
        );
        await run(world, COMBINERS + 1);
        expect((await finalStatus(storage, jobId))?.state).toBe(JobState.Succeeded);
        expect(await outputsOf(storage, jobId)).toEqual([outputOf(PRODUCERS + COMBINERS)]);
        expect(storage.service.outputBytes).toBe(0);
        storage.service.validateState();
      }),
    );

    test(
      'are not all read when storage starts anew',
      withStore(async (store, open) => {
        let workerId: bigint;
        let jobId: bigint;
        {
          await using before = await startWorld(store);
          workerId = before.worker.id;
          jobId = await before.storage.submit(combining());
          await run(before, PRODUCERS + 1);
        }
        await using after = await startWorld(await open(), { workerId });
        const { storage } = after;
        expect(storage.service.outputBytes).toBeLessThan(MEMORY_BYTES);
        await run(after, COMBINERS - 1);
        await run(after, 1);
        expect((await finalStatus(storage, jobId))?.state).toBe(JobState.Succeeded);
        expect(await outputsOf(storage, jobId)).toEqual([outputOf(PRODUCERS + COMBINERS)]);
      }),
    );

    test(
      'become those of their job',
      withStore(async (store) => {
        await using world = await startWorld(store);
        const { storage } = world;
        const jobId = await storage.submit(producers().build());
        await run(world, PRODUCERS);
        expect((await finalStatus(storage, jobId))?.state).toBe(JobState.Succeeded);
        const outputs = await outputsOf(storage, jobId);
        expect(outputs).toHaveLength(PRODUCERS);
        outputs.forEach((output, task) => {
          expect(Buffer.compare(output, outputOf(task))).toBe(0);
        });
      }),
    );

    test(
      'are kept in memory by a job without a journal',
      withStore(async (store) => {
        await using world = await startWorld(store, { durability: 'job' });
        const { storage, logger } = world;
        const jobId = await storage.submit(combining());
        await run(world, PRODUCERS + COMBINERS + 1);
        expect((await finalStatus(storage, jobId))?.state).toBe(JobState.Succeeded);
        expect(await outputsOf(storage, jobId)).toEqual([outputOf(PRODUCERS + COMBINERS)]);
        expect(logger.messages('info')).not.toContain(
          'outputs exceed their memory; the journal alone has the rest from now on',
        );
      }),
    );
  });

  describe(`while outputs are read back on ${name}`, () => {
    /** The job's producers have run, and a combiner is asked for whose inputs are to be read. */
    const withReading =
      (check: (world: World, jobId: bigint, read: HeldRead) => Promise<void>) => () =>
        withDatabase(async (open) => {
          const store = await open();
          const read = holdRead(store);
          await using world = await startWorld(store);
          const jobId = await world.storage.submit(combining());
          await run(world, PRODUCERS);
          const tasks = await world.scheduler.take(COMBINERS);
          world.worker.askFor(
            jobId,
            tasks.map(({ taskIndex }) => taskIndex),
          );
          await read.isAsked;
          await check(world, jobId, read);
        });

    test(
      'the job can be cancelled',
      withReading(async ({ storage, worker }, jobId, read) => {
        expect((await storage.jobs.cancelJob({ jobId })).state).toBe(JobState.Cancelled);
        await worker.inbox.first(() => (worker.refused.length > 0 ? true : undefined));
        read.answer();
        expect((await finalStatus(storage, jobId))?.state).toBe(JobState.Cancelled);
        expect(storage.service.outputBytes).toBe(0);
      }),
    );

    test(
      'whoever waits for them may go, and another take his place',
      withReading(async ({ storage, scheduler, worker }, jobId, read) => {
        worker.stream.cancel();
        await worker.inbox.closed();
        const other = await ScriptedExecutionManager.register(storage.transport);
        other.askFor(jobId, [PRODUCERS]);
        read.answer();
        await other.inbox.first(() => (other.leased.length > 0 ? true : undefined));
        expect(other.leased.map(({ taskIndex }) => taskIndex)).toEqual([PRODUCERS]);
        await report(other, other.leased);
        expect(scheduler.tasks.slice(PRODUCERS)).toHaveLength(COMBINERS);
      }),
    );

    test(
      'a database that is away is waited for',
      withReading(async (world, jobId, read) => {
        const { storage, worker, logger } = world;
        read.fail(new SpiderError('unavailable', 'the database is away'));
        await worker.inbox.first(() =>
          worker.leased.length >= PRODUCERS + COMBINERS ? true : undefined,
        );
        expect(logger.messages('warn')).toContain('outputs are read back later');
        await report(worker, worker.leased.slice(PRODUCERS));
        await run(world, 1);
        expect((await finalStatus(storage, jobId))?.state).toBe(JobState.Succeeded);
      }),
    );

    test.each([
      ['that is garbage', [{ sequence: 1, records: new Uint8Array(40).fill(9) }], 'is corrupt'],
      ['that is gone', [], 'lacks the outputs of task '],
    ])('a journal %s fails the job, and it alone', async (_what, rows, reason) => {
      await withReading(async (world, jobId, read) => {
        const { storage } = world;
        read.answer(rows);
        const status = await finalStatus(storage, jobId);
        expect(status?.state).toBe(JobState.Failed);
        expect((await storage.jobs.getJob({ jobId })).status?.errorMessage).toContain(reason);
        const next = await storage.submit(producers().build());
        await run(world, PRODUCERS);
        expect((await finalStatus(storage, next))?.state).toBe(JobState.Succeeded);
      })();
    });
  });
}

/** The first read of a journal, which waits until the test says how it ends. */
interface HeldRead {
  readonly isAsked: Promise<void>;
  /** Lets it be answered by the database, or with these rows. */
  answer(rows?: readonly Pick<JournalRow, 'sequence' | 'records'>[]): void;
  fail(error: SpiderError): void;
}

function holdRead({ jobs }: Store): HeldRead {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<readonly JournalRow[] | undefined>();
  const readJournal = jobs.readJournal.bind(jobs);
  vi.spyOn(jobs, 'readJournal').mockImplementationOnce(async (id, after, limit) => {
    asked.resolve();
    return (await answered.promise) ?? (await readJournal(id, after, limit));
  });
  return {
    isAsked: asked.promise,
    answer: (rows) => answered.resolve(rows?.map((row) => ({ jobId: toId(1), ...row }))),
    fail: (error) => answered.reject(error),
  };
}
