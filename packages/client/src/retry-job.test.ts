import { Code, ConnectError } from '@connectrpc/connect';
import {
  encodeSerializedOutputs,
  encodeValues,
  float64,
  JobState,
  SpiderError,
  toId,
} from '@spider/core';
import { type RetryJobRequest, toWireJobState } from '@spider/proto';
import { nodeZstd } from '@spider/runtime/node';
import { afterEach, expect, it } from 'vitest';
import { startFakeStorage } from '../test/fake-storage.ts';
import { connect, defineJob } from './index.ts';

let stack = new AsyncDisposableStack();

afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

const policy = { maxRetries: 0, maxInstances: 1, softTimeoutMs: 1_000, hardTimeoutMs: 2_000 };
const negate = {
  packageName: 'math',
  functionName: 'negate',
  inputs: [float64],
  outputs: [float64],
  policy,
} as const;
const job = defineJob([float64], (graph, x) => [graph.task(negate, x)]);

it('answers a handle of the new job whose outputs have the types of the old one', async () => {
  const requests: RetryJobRequest[] = [];
  const url = await startFakeStorage(
    {
      retryJob(request) {
        requests.push(request);
        if (requests.length === 1) throw new ConnectError('starting', Code.Unavailable);
        return { jobId: 9n };
      },
      async *watchJob({ jobId }) {
        const state = toWireJobState(JobState.Succeeded);
        yield { status: { jobId, state, retryOfJobId: 7n } };
      },
      getJobOutputs: ({ jobId }) => {
        const frame = encodeValues([float64], [Number(jobId)], 'output');
        return { serializedOutputs: encodeSerializedOutputs(frame, nodeZstd) };
      },
    },
    stack,
  );
  const client = stack.use(connect({ endpoints: [url] }));
  const again = await client.job(toId(7n), job).retry({ start: true });
  expect(again.id).toBe(9n);
  expect((await again.wait()).retryOfJobId).toBe(7n);
  const [output]: readonly [number] = await again.outputs();
  expect(output).toBe(9);
  const [first, second] = requests;
  expect(first).toMatchObject({ jobId: 7n, start: true });
  expect(first?.idempotencyKey).toMatch(/^[0-9a-f]{32}$/);
  expect(second).toEqual(first);
  await client.job(toId(7n)).retry({ idempotencyKey: 'mine' });
  expect(requests[2]).toMatchObject({ start: false, idempotencyKey: 'mine' });
});

it('is refused with the reason', async () => {
  const message = 'job 7 is RUNNING; only a job that has failed can be retried';
  const url = await startFakeStorage(
    {
      retryJob: () => {
        throw new ConnectError(message, Code.FailedPrecondition);
      },
    },
    stack,
  );
  const client = stack.use(connect({ endpoints: [url] }));
  await expect(client.job(toId(7n)).retry()).rejects.toEqual(
    new SpiderError('failed-precondition', message),
  );
});
