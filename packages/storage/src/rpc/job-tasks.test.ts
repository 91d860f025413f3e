import { Code } from '@connectrpc/connect';
import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  encodeFrame,
  JobState,
  TaskOutcome,
  TaskState,
} from '@spider/core';
import { fromWireTaskState, toWireTaskState } from '@spider/proto';
import type { ListTasksRequest } from '@spider/proto';
import { describe, expect, test } from 'vitest';
import { chain, encoded, flat, withTermination } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { TestStorage } from '../testing/test-storage.ts';

const OUTPUT = [new Uint8Array([1])];
const INPUTS = encodeFrame([new Uint8Array([7])]);
const refusedWith = (code: Code, text: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string });

async function tasksOf(
  storage: TestStorage,
  jobId: bigint,
): Promise<[number, TaskState | undefined, number][]> {
  const { tasks } = await storage.jobs.listTasks({ jobId });
  return tasks.map(({ taskIndex, state, attempts }) => [
    taskIndex,
    fromWireTaskState(state),
    attempts,
  ]);
}

/** Task 0 succeeds, task 1 fails for good after a failure, task 2 never runs. */
async function failJob(storage: TestStorage): Promise<bigint> {
  const jobId = await storage.submit(chain(3, { maxRetries: 5 }));
  const worker = await ScriptedExecutionManager.register(storage.transport);
  await worker.flushed(worker.succeed(await worker.lease([{ jobId, taskIndex: 0 }]), OUTPUT));
  for (const outcome of [TaskOutcome.Failed, TaskOutcome.FailedForGood]) {
    const [task] = await worker.lease([{ jobId, taskIndex: 1 }]);
    if (task === undefined) throw new Error('no lease');
    const payload = new TextEncoder().encode(`error ${outcome}`);
    await worker.flushed(worker.report([{ ...task, outcome, payload }]));
  }
  await collect(storage.jobs.watchJob({ jobId }));
  return jobId;
}

describe('a job that runs', () => {
  test('is described by the states of its tasks and the times of its functions', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(flat(4));
    const worker = await ScriptedExecutionManager.register(storage.transport);
    const leased = await worker.lease([0, 1].map((taskIndex) => ({ jobId, taskIndex })));
    await worker.flushed(worker.succeed(leased.slice(0, 1), OUTPUT));
    const description = await storage.jobs.describeJob({ jobId });
    const tasks = { succeeded: 1, running: 1, ready: 2, pending: 0, unknown: 0 };
    expect(description).toMatchObject({
      status: { jobId, succeededTasks: 1 },
      tasks,
      kinds: [
        {
          package: 'test',
          function: 'take1',
          tasks,
          timedSuccesses: 1,
          meanElapsedUs: 5n,
          maxElapsedUs: 5,
        },
      ],
      omittedKinds: 0,
    });
  });

  test('shows of each task how its last attempt went, and who runs it', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(chain(2, { maxRetries: 5 }));
    const worker = await ScriptedExecutionManager.register(storage.transport);
    const [first] = await worker.lease([{ jobId, taskIndex: 0 }]);
    if (first === undefined) throw new Error('no lease');
    const payload = new TextEncoder().encode('x'.repeat(3000));
    await worker.flushed(worker.report([{ ...first, outcome: TaskOutcome.Failed, payload }]));
    await worker.lease([{ jobId, taskIndex: 0 }]);
    const { tasks } = await storage.jobs.listTasks({ jobId });
    expect(tasks).toMatchObject([
      {
        taskIndex: 0,
        package: 'test',
        function: 'take1',
        state: toWireTaskState(TaskState.Running),
        attempts: 1,
        lastError: 'x'.repeat(1024),
        executionManagerId: worker.id,
        startedAtMs: 1n,
        elapsedUs: 5,
      },
      {
        taskIndex: 1,
        state: toWireTaskState(TaskState.Pending),
        attempts: 0,
        lastError: '',
        executionManagerId: 0n,
        startedAtMs: 0n,
      },
    ]);
  });

  test('lists its tasks in pages, by state, and the termination tasks last', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(withTermination());
    expect(await tasksOf(storage, jobId)).toEqual([
      [0, TaskState.Ready, 0],
      [COMMIT_TASK_INDEX, TaskState.Pending, 0],
      [CLEANUP_TASK_INDEX, TaskState.Pending, 0],
    ]);
    const many = await storage.submit(flat(5));
    const worker = await ScriptedExecutionManager.register(storage.transport);
    await worker.lease([{ jobId: many, taskIndex: 2 }]);
    const states = [toWireTaskState(TaskState.Ready)];
    const pages: number[][] = [];
    for (let pageToken = ''; pages.length === 0 || pageToken !== '';) {
      const request = { jobId: many, states, pageSize: 2, pageToken };
      const page = await storage.jobs.listTasks(request);
      pages.push(page.tasks.map(({ taskIndex }) => taskIndex));
      pageToken = page.nextPageToken;
    }
    expect(pages).toEqual([
      [0, 1],
      [3, 4],
    ]);
  });
});

describe('a job that has ended', () => {
  test('knows all of its tasks if it failed', async () => {
    await using storage = await TestStorage.start();
    const jobId = await failJob(storage);
    expect(await tasksOf(storage, jobId)).toEqual([
      [0, TaskState.Succeeded, 1],
      [1, TaskState.Failed, 2],
      [2, TaskState.Cancelled, 0],
    ]);
    const states = [toWireTaskState(TaskState.Failed)];
    const { tasks } = await storage.jobs.listTasks({ jobId, states });
    expect(tasks).toMatchObject([
      { taskIndex: 1, lastError: `error ${TaskOutcome.FailedForGood}` },
    ]);
    const { kinds } = await storage.jobs.describeJob({ jobId });
    expect(kinds).toMatchObject([{ timedSuccesses: 1, maxElapsedUs: 5 }]);
  });

  test('knows the states of its tasks if it succeeded, and no attempts', async () => {
    const clock = new SteppedClock();
    await using storage = await TestStorage.start({
      clock,
      config: { runtime: { journal: { flush_records: 1 } } },
    });
    const jobId = await storage.submit(chain(1));
    const worker = await ScriptedExecutionManager.register(storage.transport);
    worker.succeed(await worker.lease([{ jobId, taskIndex: 0 }]), OUTPUT);
    await collect(storage.jobs.watchJob({ jobId }));
    expect(await tasksOf(storage, jobId)).toEqual([[0, TaskState.Succeeded, 0]]);
    const inMemory = await storage.jobs.describeJob({ jobId });
    expect(inMemory.kinds).toMatchObject([{ timedSuccesses: 1, maxElapsedUs: 5 }]);
    clock.advance(301_000);
    const { tasks, kinds } = await storage.jobs.describeJob({ jobId });
    expect(tasks).toMatchObject({ succeeded: 1 });
    expect(kinds).toMatchObject([{ timedSuccesses: 0, tasks: { succeeded: 1 } }]);
  });

  test('says that it does not know if it was cancelled', async () => {
    const clock = new SteppedClock();
    await using storage = await TestStorage.start({ clock });
    const jobId = await storage.submit(chain(2));
    await storage.jobs.cancelJob({ jobId });
    expect(await tasksOf(storage, jobId)).toEqual([
      [0, undefined, 0],
      [1, undefined, 0],
    ]);
    expect((await storage.jobs.describeJob({ jobId })).tasks).toMatchObject({ cancelled: 2 });
    clock.advance(301_000);
    expect((await storage.jobs.describeJob({ jobId })).tasks).toMatchObject({ unknown: 2 });
  });
});

test('a page of tasks is refused with the field and the limit', async () => {
  await using storage = await TestStorage.start();
  const jobId = await storage.submit(chain(1));
  const refuse = async (request: Partial<ListTasksRequest>, text: string): Promise<void> => {
    const { $typeName: _, ...fields } = request;
    await expect(storage.jobs.listTasks({ jobId, ...fields })).rejects.toEqual(
      refusedWith(Code.InvalidArgument, text),
    );
  };
  await refuse({ pageSize: 1001 }, 'page_size: 1001 is more than 1000');
  await refuse({ pageToken: '-' }, 'page_token');
  const ready = toWireTaskState(TaskState.Ready);
  await refuse({ states: Array.from({ length: 17 }, () => ready) }, 'states: 17 are more than 16');
  await refuse({ states: [toWireTaskState(undefined)] }, 'states: no task state has the number 0');
  const pageToken = '18446744073709551615';
  expect((await storage.jobs.listTasks({ jobId, pageToken })).tasks).toEqual([]);
});

describe('a deletion', () => {
  test('leaves nothing of a job that has ended, and frees its key', async () => {
    await using storage = await TestStorage.start();
    const request = { taskGraph: encoded(chain(1)), inputs: INPUTS, idempotencyKey: 'k' };
    const labels = { team: 'vision' };
    const { jobId } = await storage.jobs.submitJob({ ...request, labels });
    await expect(storage.jobs.deleteJob({ jobId })).rejects.toEqual(
      refusedWith(Code.FailedPrecondition, `job ${jobId} is READY; only a job that has ended`),
    );
    await storage.jobs.cancelJob({ jobId });
    await storage.jobs.listTasks({ jobId });
    await storage.jobs.deleteJob({ jobId });
    const missing = refusedWith(Code.NotFound, `job ${jobId} does not exist`);
    await expect(storage.jobs.getJob({ jobId })).rejects.toEqual(missing);
    await expect(storage.jobs.describeJob({ jobId })).rejects.toEqual(missing);
    await expect(storage.jobs.listTasks({ jobId })).rejects.toEqual(missing);
    await expect(storage.jobs.deleteJob({ jobId })).rejects.toEqual(missing);
    expect((await storage.jobs.listJobs({ labels })).jobs).toEqual([]);
    const again = await storage.jobs.submitJob(request);
    expect(again).toMatchObject({ existed: false, state: JobState.Ready });
    expect(again.jobId > jobId).toBe(true);
  });

  test('takes the journal of a job that failed along', async () => {
    await using storage = await TestStorage.start();
    const jobId = await failJob(storage);
    await storage.jobs.deleteJob({ jobId });
    expect((await storage.jobs.listJobs({})).jobs).toEqual([]);
  });
});
