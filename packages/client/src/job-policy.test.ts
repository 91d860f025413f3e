import { ConnectError, Code } from '@connectrpc/connect';
import { type JobId, JobState, TaskState, toId } from '@spider/core';
import {
  type SubmitJobRequest,
  toWireDurability,
  toWireFailurePolicy,
  toWireJobState,
  toWireTaskState,
} from '@spider/proto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startFakeStorage } from '../test/fake-storage.ts';
import { connect, defineJob, externalTask, float64, type JobHandle } from './index.ts';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const JOB_ID: JobId = toId(7n);
const negate = externalTask({
  functionName: 'negate',
  packageName: 'math',
  inputs: [float64],
  outputs: [float64],
});

describe('the policy of a job', () => {
  const careful = defineJob([float64], (graph, x) => [graph.task(negate, x)], {
    durability: 'sync',
    failurePolicy: 'continue',
    cleanupAfterFailure: true,
    deadlineMs: 60_000,
    deadlineAtMs: 1_800_000_000_000,
  });

  it('is that of its definition, where the submission does not say otherwise', async () => {
    const requests: SubmitJobRequest[] = [];
    const url = await startFakeStorage(
      {
        submitJob(request) {
          requests.push(request);
          return { jobId: JOB_ID };
        },
      },
      stack,
    );
    const client = stack.use(connect({ endpoints: [url] }));
    await client.submit(careful, [1]);
    await client.submit(careful, [1], { durability: 'job', deadlineMs: 5, priority: 1 });
    const plain = defineJob([float64], (graph, x) => [graph.task(negate, x)]);
    await client.submit(plain, [1]);
    const all = {
      durability: toWireDurability('sync'),
      failurePolicy: toWireFailurePolicy('continue'),
      cleanupAfterFailure: true,
      deadlineMs: 60_000n,
      deadlineAtMs: 1_800_000_000_000n,
    };
    expect(requests).toMatchObject([
      all,
      { ...all, durability: toWireDurability('job'), deadlineMs: 5n },
      {
        durability: toWireDurability(undefined),
        failurePolicy: toWireFailurePolicy('fail-fast'),
        cleanupAfterFailure: false,
        deadlineMs: 0n,
        deadlineAtMs: 0n,
      },
    ]);
  });

  it.each([0, -1, 1.5, NaN, Infinity])('takes no deadline of %s ms', async (deadlineMs) => {
    const client = stack.use(connect({ endpoints: ['http://127.0.0.1:1'] }));
    await expect(client.submit(careful, [1], { deadlineMs })).rejects.toThrow(
      `deadlineMs: ${deadlineMs} is not a whole number of milliseconds of at least 1`,
    );
  });

  it('is told with the status', async () => {
    const url = await startFakeStorage(
      {
        getJob: () => ({
          status: {
            jobId: JOB_ID,
            state: toWireJobState(JobState.Running),
            durability: toWireDurability('task'),
            failurePolicy: toWireFailurePolicy('continue'),
            cleanupAfterFailure: true,
            deadlineMs: 60_000n,
            deadlineAtMs: 61_000n,
            failedTasks: 2,
            skippedTasks: 3,
          },
        }),
      },
      stack,
    );
    const client = stack.use(connect({ endpoints: [url] }));
    expect(await client.job(JOB_ID).status()).toMatchObject({
      durability: 'task',
      failurePolicy: 'continue',
      cleanupAfterFailure: true,
      deadlineMs: 60_000,
      deadlineAtMs: 61_000,
      failedTasks: 2,
      skippedTasks: 3,
    });
  });
});

describe('the outputs of a job that did not succeed', () => {
  const status = (state: JobState, more: object = {}) => ({
    status: { jobId: JOB_ID, state: toWireJobState(state), totalTasks: 30, ...more },
  });
  const failed = (taskIndex: number) => ({
    taskIndex,
    package: 'math',
    function: 'negate',
    state: toWireTaskState(TaskState.Failed),
    attempts: 2,
    lastError: 'boom',
  });
  const handleOf = async (
    end: ReturnType<typeof status>,
    listTasks: Parameters<typeof startFakeStorage>[0]['listTasks'],
  ): Promise<JobHandle> => {
    const service = {
      async *watchJob() {
        yield end;
      },
      ...(listTasks && { listTasks }),
    };
    const url = await startFakeStorage(service, stack);
    return stack.use(connect({ endpoints: [url] })).job(JOB_ID);
  };

  it('are refused with the tasks that failed, and how many were skipped', async () => {
    const end = status(JobState.Failed, { errorMessage: 'boom', failedTasks: 12, skippedTasks: 3 });
    const handle = await handleOf(end, ({ pageSize }) => ({
      tasks: Array.from({ length: pageSize }, (_, index) => failed(index)),
      nextPageToken: '10',
    }));
    const error: unknown = await handle.outputs().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: 'JobFailedError',
      code: 'failed-precondition',
      status: { failedTasks: 12, skippedTasks: 3, errorMessage: 'boom' },
    });
    expect(error).toHaveProperty('failedTasks.length', 10);
    expect(error).toHaveProperty('failedTasks.0.lastError', 'boom');
    expect(String(error)).toContain(
      'job 7 has no outputs, it is FAILED: boom; tasks that failed: 0 (math negate), 1 (math negate), ',
    );
    expect(String(error)).toMatch(/9 \(math negate\), 2 more; skipped because of them: 3$/);
  });

  it('are refused all the same if the tasks cannot be listed', async () => {
    const end = status(JobState.Failed, { errorMessage: 'boom', failedTasks: 1 });
    const handle = await handleOf(end, () => {
      throw new ConnectError('no such call', Code.Unimplemented);
    });
    await expect(handle.outputs()).rejects.toThrow(/job 7 has no outputs, it is FAILED: boom$/);
  });

  it('are refused with the reason of the cancel', async () => {
    const handle = await handleOf(status(JobState.Cancelled, { endReason: 'too dear' }), undefined);
    await expect(handle.outputs()).rejects.toMatchObject({
      name: 'SpiderError',
      code: 'failed-precondition',
      message: 'job 7 has no outputs, it is CANCELLED: too dear',
    });
  });
});
