import { describe, expect, test } from 'vitest';
import type { Store } from '../src/db/job-store.ts';
import { expectRefused, expectVoid } from './raw-grpc/expect-answer.ts';
import { bytes, uint } from './raw-grpc/protobuf.ts';
import { Code } from './raw-grpc/raw-client.ts';
import { frame, ONE_TASK, TWO_IN_A_ROW } from './raw-grpc/reference-graph.ts';
import type { GraphShape } from './raw-grpc/reference-graph.ts';
import {
  CLEANUP,
  COMMIT,
  index,
  polledTasks,
  ReferenceWorld,
  State,
} from './raw-grpc/reference-world.ts';

const OUTPUTS = frame(Buffer.of(42));
const PACKED_OUTPUTS = Buffer.concat([Buffer.of(0), OUTPUTS]).toString('hex');
const BOTH: GraphShape = { ...ONE_TASK, commit: true, cleanup: true };

/** Storage that is started again and again on one database. */
interface Lives {
  readonly next: () => Promise<ReferenceWorld>;
}

const outputs = async (world: ReferenceWorld, job: bigint): Promise<string | undefined> =>
  bytes(await world.ok('GetJobOutputs', [1, job]), 1)?.toString('hex');

/** All that a lane has once storage has heard, or given up waiting for, those who run something. */
const polled = async (world: ReferenceWorld, method: string): Promise<[bigint, string][]> =>
  polledTasks(await world.ok(method, [1, 1000], [2, 10_000]));

/** What every database must do for jobs that outlive a start of storage, by the reference's calls. */
export function describeRestarts(
  name: string,
  withDatabase: (run: (open: () => Promise<Store>) => Promise<void>) => Promise<void>,
): void {
  const withLives = (run: (lives: Lives) => Promise<void>) => () =>
    withDatabase(async (open) => {
      let world: ReferenceWorld | undefined;
      const next = async (): Promise<ReferenceWorld> => {
        await world?.[Symbol.asyncDispose]();
        world = await ReferenceWorld.start({ store: await open() });
        return world;
      };
      try {
        await run({ next });
      } finally {
        await world?.[Symbol.asyncDispose]();
      }
    });

  describe(`after a start of storage on ${name}, a job that was`, () => {
    test(
      'READY can be started, and its outputs outlive the next start',
      withLives(async ({ next }) => {
        const first = await next();
        const job = await first.registerJob(ONE_TASK);
        const second = await next();
        expect(second.session).toBeGreaterThan(first.session);
        expect(await second.state(job)).toBe(State.Ready);
        expect(uint(await second.ok('StartJob', [1, job]), 1)).toBe(State.Running);
        expect(await polled(second, 'PollReadyTasks')).toEqual([[job, '0800']]);
        expectVoid(await second.succeed(await second.lease(job, index(0)), OUTPUTS));
        const third = await next();
        expect(await third.state(job)).toBe(State.Succeeded);
        expect(await outputs(third, job)).toBe(PACKED_OUTPUTS);
      }),
    );

    test(
      'RUNNING goes on after what had succeeded, with the retries that are left',
      withLives(async ({ next }) => {
        const first = await next();
        const policy = { max_num_retry: 1, max_num_instances: 1 };
        const tasks = TWO_IN_A_ROW.tasks.map((task) => ({ ...task, policy }));
        const job = await first.startJob({ tasks });
        const untouched = await first.startJob(ONE_TASK);
        expectVoid(await first.succeed(await first.lease(job, index(0)), OUTPUTS));
        expectVoid(await first.fail(await first.lease(job, index(1)), 'first'));
        const second = await next();
        const ready = [...(await polled(second, 'PollReadyTasks')), ...(await second.poll())];
        expect(ready.toSorted(([a], [b]) => Number(a - b))).toEqual([
          [job, '0801'],
          [untouched, '0800'],
        ]);
        expectVoid(await second.succeed(await second.lease(untouched, index(0)), OUTPUTS));
        expectVoid(await second.fail(await second.lease(job, index(1)), 'second'));
        expect(await second.state(job)).toBe(State.Failed);
        const third = await next();
        expect(await third.error(job)).toBe('second');
        expect(await third.state(untouched)).toBe(State.Succeeded);
        expect(await outputs(third, untouched)).toBe(PACKED_OUTPUTS);
      }),
    );

    test(
      'COMMIT_READY commits with the outputs that it had, and runs nothing else',
      withLives(async ({ next }) => {
        const first = await next();
        const job = await first.startJob(BOTH);
        expectVoid(await first.succeed(await first.lease(job, index(0)), OUTPUTS));
        const second = await next();
        expect(await second.state(job)).toBe(State.CommitReady);
        expect(await polled(second, 'PollReadyCommitTasks')).toEqual([[job, '1200']]);
        expect(await second.poll()).toEqual([]);
        const manager = await second.registerManager();
        const refused = await second.tryLease(job, index(0), manager);
        expectRefused(refused, Code.FailedPrecondition, 'cache stale: ');
        const commit = await second.lease(job, COMMIT, manager);
        expect(bytes(commit.context, 4)?.toString('hex')).toBe(PACKED_OUTPUTS);
        expectVoid(await second.succeed(commit, frame()));
        const third = await next();
        expect(await third.state(job)).toBe(State.Succeeded);
        expect(await outputs(third, job)).toBe(PACKED_OUTPUTS);
      }),
    );

    test.each([true, false])(
      'COMMIT_READY can be cancelled, whether it has a cleanup task (%j)',
      async (cleanup) => {
        await withLives(async ({ next }) => {
          const first = await next();
          const job = await first.startJob({ ...BOTH, cleanup });
          expectVoid(await first.succeed(await first.lease(job, index(0)), OUTPUTS));
          const second = await next();
          const answered = uint(await second.ok('CancelJob', [1, job]), 1);
          expect(answered).toBe(cleanup ? State.CleanupReady : State.Cancelled);
          if (cleanup) {
            expectVoid(await second.succeed(await second.lease(job, CLEANUP), frame()));
          }
          expect(await second.state(job)).toBe(State.Cancelled);
          const third = await next();
          expect(await third.state(job)).toBe(State.Cancelled);
        })();
      },
    );

    test(
      'CLEANUP_READY cleans up, and runs nothing else',
      withLives(async ({ next }) => {
        const first = await next();
        const job = await first.startJob(BOTH);
        await first.ok('CancelJob', [1, job]);
        const second = await next();
        expect(await second.state(job)).toBe(State.CleanupReady);
        expect(await polled(second, 'PollReadyCleanupTasks')).toEqual([[job, '1a00']]);
        expect(await second.poll()).toEqual([]);
        expect(await second.poll('PollReadyCommitTasks')).toEqual([]);
        const manager = await second.registerManager();
        const refused = await second.tryLease(job, index(0), manager);
        expectRefused(refused, Code.FailedPrecondition, 'cache stale: ');
        const cleanup = await second.lease(job, CLEANUP, manager);
        expect(bytes(cleanup.context, 4)?.toString('hex')).toBe('00000000');
        expectVoid(await second.succeed(cleanup, frame()));
        const third = await next();
        expect(await third.state(job)).toBe(State.Cancelled);
      }),
    );
  });
}
