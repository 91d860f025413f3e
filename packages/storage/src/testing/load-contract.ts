import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  decodeFrame,
  decodeSerializedOutputs,
  DEFAULT_EXECUTION_POLICY,
  encodeFrame,
  JobState,
  TaskGraphBuilder,
  toId,
} from '@spider/core';
import type { JobId, TaskGraph } from '@spider/core';
import { layeredGraph } from '@spider/core/testing';
import { nodeZstd } from '@spider/runtime/node';
import { describe, expect, test } from 'vitest';
import { BlobKind } from '../db/job-store.ts';
import type { Store } from '../db/job-store.ts';
import { collect } from './inbox.ts';
import { LoadCrew } from './load-crew.ts';
import type { LoadCrewOptions } from './load-crew.ts';
import { TestStorage } from './test-storage.ts';

const FLAT_TASKS = 10_000;
const LAYERS = 10;
const WIDTH = 1_000;
const FAN_IN = 25;
const MANAGERS = 64;

const KIBIBYTE = new Uint8Array(1024).fill(0xcc);
const SMALL = new Uint8Array(128).fill(0xcb);

/** Independent tasks with one output each, three retries and two instances at a time. */
function flatGraph(tasks: number, withTermination: boolean): TaskGraph {
  const policy = { ...DEFAULT_EXECUTION_POLICY, maxRetries: 3, maxInstances: 2 };
  const builder = new TaskGraphBuilder();
  const outputs = [{ shared: false, value: { type: 'bytes' } }] as const;
  const kind = { packageName: 'load', functionName: 'flat', inputs: [], outputs, policy };
  for (let task = 0; task < tasks; task++) builder.addTask({ kind, sources: [] });
  if (withTermination) {
    builder.setCommitTask({ packageName: 'load', functionName: 'commit', policy });
    builder.setCleanupTask({ packageName: 'load', functionName: 'cleanup', policy });
  }
  return builder.build();
}

/** How a job ended, as the database has it, which is how its client saw it end. */
async function ended(storage: TestStorage, store: Store, jobId: bigint) {
  const watched = await collect(storage.jobs.watchJob({ jobId, minIntervalMs: 0xffff_ffff }));
  const seen = watched.at(-1)?.status;
  const stored = await store.jobs.findJob(toId<JobId>(jobId));
  expect(stored).toMatchObject({
    state: seen?.state,
    succeededTasks: seen?.succeededTasks,
    failedAttempts: seen?.failedAttempts,
  });
  expect(stored?.errorMessage ?? '').toBe(seen?.errorMessage);
  expect(await store.jobs.readJournal(toId<JobId>(jobId), 0, 1)).toHaveLength(
    stored?.state === JobState.Failed ? 1 : 0,
  );
  storage.service.validateState();
  return stored;
}

/** How many outputs a job has, all of which must be this one. */
async function countOutputs(store: Store, jobId: bigint, expected: Uint8Array): Promise<number> {
  const serialized = await store.jobs.readBlob(toId<JobId>(jobId), BlobKind.Outputs);
  const outputs = decodeFrame(decodeSerializedOutputs(serialized ?? new Uint8Array(0), nodeZstd));
  expect(outputs.every((output) => Buffer.compare(output, expected) === 0)).toBe(true);
  return outputs.length;
}

/** What has to hold on every database when much happens at a time. */
export function describeLoads(
  name: string,
  withStore: (run: (store: Store) => Promise<void>) => Promise<void>,
): void {
  const withCrew =
    (
      options: Partial<LoadCrewOptions>,
      run: (storage: TestStorage, store: Store, crew: LoadCrew) => Promise<void>,
    ) =>
    () =>
      withStore(async (store) => {
        await using storage = await TestStorage.start({ store });
        const crew = await LoadCrew.start(storage.transport, {
          managers: MANAGERS,
          outputs: encodeFrame([KIBIBYTE]),
          ...options,
        });
        await run(storage, store, crew);
        expect(crew.closed).toEqual([]);
        crew.stop();
      });

  describe(`${FLAT_TASKS} independent tasks of a kibibyte each, 64 execution managers and ${name}`, () => {
    const graph = flatGraph(FLAT_TASKS, true);
    const isBad = (task: number): boolean => task < FLAT_TASKS && task % 2 === 1;

    test(
      'each succeed once, although two instances of every second one fail first',
      withCrew(
        {
          instances: (task, earlier) => (isBad(task) && earlier === 0 ? 2 : 1),
          fails: (task, earlier) => isBad(task) && earlier < 2,
        },
        async (storage, store, crew) => {
          const jobId = await storage.submit(graph);
          const job = await ended(storage, store, jobId);
          expect(job).toMatchObject({ state: JobState.Succeeded, succeededTasks: FLAT_TASKS });
          expect(job?.failedAttempts).toBeGreaterThanOrEqual(FLAT_TASKS / 2);
          expect(crew.issued.size).toBe(FLAT_TASKS + 1);
          expect(crew.issued.get(COMMIT_TASK_INDEX)).toBe(1);
          expect(crew.issued.get(0)).toBe(1);
          expect(crew.issued.get(1)).toBeGreaterThan(1);
          expect(await countOutputs(store, jobId, KIBIBYTE)).toBe(FLAT_TASKS);
        },
      ),
    );

    test(
      'are cancelled right after the start: the cleanup task runs once, the commit task never',
      withCrew({}, async (storage, store, crew) => {
        const jobId = await storage.submit(graph);
        const { state } = await storage.jobs.cancelJob({ jobId });
        expect(state).toBe(JobState.CleanupReady);
        const job = await ended(storage, store, jobId);
        expect(job?.state).toBe(JobState.Cancelled);
        expect(crew.issued.get(CLEANUP_TASK_INDEX)).toBe(1);
        expect(crew.issued.get(COMMIT_TASK_INDEX)).toBeUndefined();
      }),
    );
  });

  describe(`${LAYERS} layers of ${WIDTH} tasks with ${FAN_IN} inputs of 128 bytes, and ${name}`, () => {
    const graph = layeredGraph({ layers: LAYERS, width: WIDTH, inputsPerTask: FAN_IN });
    const outputs = encodeFrame([SMALL]);

    test(
      'each succeed once',
      withCrew({ outputs }, async (storage, store, crew) => {
        const jobId = await storage.submit(graph, SMALL);
        const job = await ended(storage, store, jobId);
        expect(job).toMatchObject({
          state: JobState.Succeeded,
          succeededTasks: LAYERS * WIDTH,
          failedAttempts: 0,
        });
        expect(crew.issued.size).toBe(LAYERS * WIDTH);
        expect(new Set(crew.issued.values())).toEqual(new Set([1]));
        expect(await countOutputs(store, jobId, SMALL)).toBe(WIDTH);
      }),
    );

    test(
      'are cancelled right after the start',
      withCrew({ outputs }, async (storage, store, crew) => {
        const jobId = await storage.submit(graph, SMALL);
        expect((await storage.jobs.cancelJob({ jobId })).state).toBe(JobState.Cancelled);
        expect((await ended(storage, store, jobId))?.state).toBe(JobState.Cancelled);
        expect(crew.issued.size).toBeLessThan(LAYERS * WIDTH);
      }),
    );
  });

  test(
    `on ${name} tasks that always fail fail their job, with a message`,
    withCrew({ fails: () => true }, async (storage, store) => {
      const jobId = await storage.submit(flatGraph(3, false));
      const job = await ended(storage, store, jobId);
      expect(job).toMatchObject({ state: JobState.Failed, succeededTasks: 0 });
      expect(job?.errorMessage).toContain('it broke');
    }),
  );

  test(`on ${name} a cancel wins or loses against the last success, and the job ends as it was told`, () =>
    withStore(async (store) => {
      await using storage = await TestStorage.start({ store });
      for (const cancelAt of [1, 33, 65, 97, 100, 100, 100, 100]) {
        const { promise: reached, resolve } = Promise.withResolvers<void>();
        const crew = await LoadCrew.start(storage.transport, {
          managers: 4,
          outputs: encodeFrame([KIBIBYTE]),
          onHandedOut: (total) => {
            if (total >= cancelAt) resolve();
          },
        });
        const jobId = await storage.submit(flatGraph(100, cancelAt % 2 === 1));
        await reached;
        const expected = await storage.jobs.cancelJob({ jobId }).then(
          () => JobState.Cancelled,
          () => JobState.Succeeded,
        );
        expect((await ended(storage, store, jobId))?.state).toBe(expected);
        crew.stop();
      }
    }));
}
