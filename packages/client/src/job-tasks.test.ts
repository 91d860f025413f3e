import { Code, ConnectError } from '@connectrpc/connect';
import { JobState, TaskState, toId } from '@spider/core';
import { type ListTasksRequest, toWireJobState, toWireTaskState } from '@spider/proto';
import { afterEach, expect, it } from 'vitest';
import { startFakeStorage } from '../test/fake-storage.ts';
import { connect, type TaskStatus } from './index.ts';

let stack = new AsyncDisposableStack();

afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

it('describes a job: counts by state and by function, times where there are any', async () => {
  const counts = { running: 1, succeeded: 2 };
  const timed = { timedSuccesses: 2, meanElapsedUs: 30n, maxElapsedUs: 40 };
  const status = { jobId: 7n, state: toWireJobState(JobState.Running) };
  const url = await startFakeStorage(
    {
      describeJob: () => ({
        status,
        tasks: counts,
        kinds: [
          { package: 'math', function: 'add', tasks: counts, ...timed },
          { package: 'math', function: 'mul', tasks: {} },
        ],
        omittedKinds: 3,
      }),
    },
    stack,
  );
  const client = stack.use(connect({ endpoints: [url] }));
  const description = await client.job(toId(7n)).describe();
  expect(description).toMatchObject({
    status: { jobId: 7n, state: JobState.Running },
    tasks: { pending: 0, running: 1, succeeded: 2, unknown: 0 },
    kinds: [
      { packageName: 'math', functionName: 'add', meanElapsedUs: 30, maxElapsedUs: 40 },
      { functionName: 'mul', timedSuccesses: 0, meanElapsedUs: undefined },
    ],
    omittedKinds: 3,
  });
});

it('fetches tasks page by page', async () => {
  const requests: ListTasksRequest[] = [];
  const state = toWireTaskState(TaskState.Failed);
  const url = await startFakeStorage(
    {
      listTasks(request) {
        requests.push(request);
        if (request.pageToken !== '') return { tasks: [{ taskIndex: 9 }] };
        const failed = { taskIndex: 4, package: 'math', function: 'add', state, attempts: 2 };
        const attempt = { lastError: 'no', executionManagerId: 3n, startedAtMs: 5n, elapsedUs: 6 };
        return { tasks: [{ ...failed, ...attempt }], nextPageToken: '5' };
      },
    },
    stack,
  );
  const client = stack.use(connect({ endpoints: [url] }));
  const tasks: TaskStatus[] = [];
  for await (const task of client.job(toId(7n)).tasks({ states: [TaskState.Failed] })) {
    tasks.push(task);
  }
  expect(requests).toMatchObject([
    { jobId: 7n, states: [state], pageToken: '' },
    { jobId: 7n, states: [state], pageToken: '5' },
  ]);
  expect(tasks).toEqual([
    {
      taskIndex: 4,
      packageName: 'math',
      functionName: 'add',
      state: TaskState.Failed,
      attempts: 2,
      lastError: 'no',
      executionManagerId: 3n,
      startedAtMs: 5,
      elapsedUs: 6,
    },
    {
      taskIndex: 9,
      packageName: '',
      functionName: '',
      state: undefined,
      attempts: 0,
      lastError: undefined,
      executionManagerId: undefined,
      startedAtMs: undefined,
      elapsedUs: undefined,
    },
  ]);
});

it('deletes once, and says so when it does not know whether it did', async () => {
  const deleted: bigint[] = [];
  const url = await startFakeStorage(
    {
      deleteJob({ jobId }) {
        deleted.push(jobId);
        if (deleted.length > 1) throw new ConnectError('starting', Code.Unavailable);
        return {};
      },
    },
    stack,
  );
  const client = stack.use(connect({ endpoints: [url] }));
  await client.job(toId(7n)).delete();
  await expect(client.job(toId(8n)).delete()).rejects.toThrow('may have got the delete or not');
  expect(deleted).toEqual([7n, 8n]);
});
