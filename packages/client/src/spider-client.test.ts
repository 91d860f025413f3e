import { once } from 'node:events';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  decodeTaskGraph,
  encodeFrame,
  encodeSerializedOutputs,
  encodeValues,
  float64,
  type JobId,
  JobState,
  toId,
} from '@spider/core';
import { fanInGraph } from '@spider/core/testing';
import { type SubmitJobRequest, toWireJobState } from '@spider/proto';
import { type Clock, SeededRng } from '@spider/runtime';
import { nodeZstd, systemClock } from '@spider/runtime/node';
import { afterEach, describe, expect, it } from 'vitest';
import { layCable, startFakeStorage } from '../test/fake-storage.ts';
import { connect, defineJob, type SpiderClient } from './index.ts';

let stack = new AsyncDisposableStack();

afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

/** Goes on at once instead of pausing, and keeps how long the pauses were to be. */
class ImpatientClock implements Clock {
  readonly pauses: number[] = [];
  readonly deadlines: (() => void)[] = [];
  now = systemClock.now;
  monotonicUs = systemClock.monotonicUs;
  defer = systemClock.defer;

  setTimer(_delayMs: number, callback: () => void): { cancel(): void } {
    this.deadlines.push(callback);
    return { cancel: () => undefined };
  }

  async sleep(delayMs: number, options?: { readonly signal?: AbortSignal }): Promise<void> {
    options?.signal?.throwIfAborted();
    this.pauses.push(delayMs);
  }
}

function connectTo(
  endpoints: readonly string[],
  clock: Clock = new ImpatientClock(),
): SpiderClient {
  return stack.use(connect({ endpoints, clock, rng: new SeededRng(1) }));
}

const JOB_ID: JobId = toId(7n);

const status = (state: JobState, succeededTasks = 0, errorMessage = '') => ({
  status: {
    jobId: JOB_ID,
    resourceGroupId: 0n,
    state: toWireJobState(state),
    totalTasks: 3,
    succeededTasks,
    errorMessage,
    submittedAtMs: 1_000n,
    startedAtMs: 2_000n,
  },
});

const unavailable = () => new ConnectError('starting', Code.Unavailable);

/** A port at which nobody listens. */
async function deadEndpoint(): Promise<string> {
  const own = new AsyncDisposableStack();
  const url = await startFakeStorage({}, own);
  await own.disposeAsync();
  return url;
}

const sum = defineJob([float64, float64], (graph, x, y) => [
  graph.task(
    {
      packageName: 'math',
      functionName: 'add',
      inputs: [float64, float64],
      outputs: [float64],
      policy: { maxRetries: 0, maxInstances: 1, softTimeoutMs: 1_000, hardTimeoutMs: 2_000 },
    },
    x,
    y,
  ),
]);

describe('submit', () => {
  it('sends the graph, the inputs and a key of its own', async () => {
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
    const client = connectTo([url]);
    const handle = await client.submit(sum, [1, 2]);
    await client.submit(sum, [3, 4], {
      start: true,
      idempotencyKey: 'mine',
      resourceGroupId: toId(5n),
      name: 'sum',
      labels: { team: 'math' },
      priority: 2,
      requires: { gpu: 'true' },
      maxConcurrency: 8,
    });
    expect(handle.id).toBe(JOB_ID);
    await client.submitAndStart(sum, [5, 6], { idempotencyKey: 'third' });
    const [first, second, third] = requests;
    expect(first).toMatchObject({ start: false, resourceGroupId: 0n });
    expect(first?.idempotencyKey).toMatch(/^[0-9a-f]{32}$/);
    expect(decodeTaskGraph(first?.taskGraph ?? new Uint8Array())).toEqual(sum.graph);
    expect(first?.inputs).toEqual(encodeValues([float64, float64], [1, 2], 'job input'));
    expect(second).toMatchObject({ start: true, resourceGroupId: 5n, idempotencyKey: 'mine' });
    expect(second).toMatchObject({ name: 'sum', labels: { team: 'math' }, priority: 2 });
    expect(second).toMatchObject({ requires: { gpu: 'true' }, maxConcurrency: 8 });
    expect(first).toMatchObject({ name: '', labels: {}, priority: 0 });
    expect(first).toMatchObject({ requires: {}, maxConcurrency: 0 });
    await expect(client.submit(sum, [1, 2], { maxConcurrency: 1.5 })).rejects.toThrow(
      'maxConcurrency: 1.5',
    );
    expect(third).toMatchObject({ start: true, idempotencyKey: 'third' });
  });

  it('goes on to the next endpoint, with the same key, when one is gone or not ready', async () => {
    const keys: string[] = [];
    const starting = await startFakeStorage(
      {
        submitJob({ idempotencyKey }) {
          keys.push(idempotencyKey);
          throw unavailable();
        },
      },
      stack,
    );
    const serving = await startFakeStorage(
      {
        submitJob({ idempotencyKey }) {
          keys.push(idempotencyKey);
          return { jobId: JOB_ID };
        },
      },
      stack,
    );
    const clock = new ImpatientClock();
    const client = connectTo([await deadEndpoint(), starting, serving], clock);
    await client.submit(sum, [1, 2]);
    expect(new Set(keys).size).toBe(1);
    expect(keys).toHaveLength(2);
    expect(clock.pauses, 'there was an endpoint left to try').toEqual([]);
  });

  it('gives up after some rounds, and says where it looked', async () => {
    const clock = new ImpatientClock();
    const url = await deadEndpoint();
    const submission = connectTo([url], clock).submit(sum, [1, 2]);
    await expect(submission).rejects.toMatchObject({ code: 'unavailable' });
    await expect(submission).rejects.toThrow(`check that one runs at ${url}`);
    expect(clock.pauses).toHaveLength(8);
    expect(clock.pauses[0]).toBeLessThanOrEqual(100);
    expect(clock.pauses[7]).toBeGreaterThan(2_000);
  });

  it('does not repeat what storage refuses', async () => {
    let calls = 0;
    const url = await startFakeStorage(
      {
        submitJob() {
          calls += 1;
          throw new ConnectError('task 3: no', Code.InvalidArgument);
        },
      },
      stack,
    );
    const submission = connectTo([url]).submit(sum, [1, 2]);
    await expect(submission).rejects.toMatchObject({
      name: 'SpiderError',
      code: 'invalid-argument',
      message: 'task 3: no',
    });
    expect(calls).toBe(1);
  });

  it('refuses inputs that do not fit, before anything is sent', async () => {
    const client = connectTo([await deadEndpoint()]);
    // @ts-expect-error it is no number
    await expect(client.submit(sum, [1, 'two'])).rejects.toThrow('job input 1: expected float64');
  });

  it('takes a graph and a frame that were made by hand', async () => {
    const requests: SubmitJobRequest[] = [];
    const outputs = encodeFrame([Uint8Array.of(1), Uint8Array.of(2)]);
    const url = await startFakeStorage(
      {
        submitJob(request) {
          requests.push(request);
          return { jobId: JOB_ID };
        },
        async *watchJob() {
          yield status(JobState.Succeeded, 3);
        },
        getJobOutputs: () => ({ serializedOutputs: encodeSerializedOutputs(outputs, nodeZstd) }),
      },
      stack,
    );
    const frame = encodeFrame([]);
    const handle = await connectTo([url]).submitGraph(fanInGraph(2), frame);
    expect(requests[0]?.inputs).toEqual(frame);
    expect(await handle.outputs()).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
  });
});

describe('start and cancel', () => {
  it('answer the state', async () => {
    const reasons: string[] = [];
    const url = await startFakeStorage(
      {
        startJob: () => ({ state: toWireJobState(JobState.Running) }),
        cancelJob({ reason }) {
          reasons.push(reason);
          return { state: toWireJobState(JobState.CleanupReady) };
        },
      },
      stack,
    );
    const handle = connectTo([url]).job(JOB_ID);
    expect(await handle.start()).toBe(JobState.Running);
    expect(await handle.cancel({ reason: 'too dear' })).toBe(JobState.CleanupReady);
    expect(reasons).toEqual(['too dear']);
  });

  it('are not repeated blindly, but the next call goes elsewhere', async () => {
    let starts = 0;
    const url = await startFakeStorage(
      {
        startJob() {
          starts += 1;
          return { state: toWireJobState(JobState.Running) };
        },
      },
      stack,
    );
    const handle = connectTo([await deadEndpoint(), url]).job(JOB_ID);
    const first = handle.start();
    await expect(first).rejects.toMatchObject({ code: 'unavailable' });
    await expect(first).rejects.toThrow('look at its status(), then start() it again if need be');
    expect(starts).toBe(0);
    expect(await handle.start()).toBe(JobState.Running);
  });
});

describe('status', () => {
  it('is read again until a storage answers', async () => {
    let calls = 0;
    const url = await startFakeStorage(
      {
        getJob() {
          calls += 1;
          if (calls < 3) throw unavailable();
          return status(JobState.Failed, 1, 'task 1: no');
        },
      },
      stack,
    );
    const clock = new ImpatientClock();
    const handle = connectTo([url], clock).job(JOB_ID);
    expect(await handle.status()).toEqual({
      jobId: JOB_ID,
      resourceGroupId: 0n,
      state: JobState.Failed,
      totalTasks: 3,
      succeededTasks: 1,
      flushedTasks: 0,
      runningTasks: 0,
      readyTasks: 0,
      failedTasks: 0,
      skippedTasks: 0,
      failedAttempts: 0,
      name: '',
      labels: {},
      priority: 0,
      requires: {},
      maxConcurrency: undefined,
      waitingReason: undefined,
      errorMessage: 'task 1: no',
      endReason: undefined,
      cleanupAfterFailure: false,
      submittedAtMs: 1_000,
      startedAtMs: 2_000,
      endedAtMs: undefined,
    });
    expect(clock.pauses).toHaveLength(2);
    expect(await handle.error()).toBe('task 1: no');
    expect(await handle.state()).toBe(JobState.Failed);
  });

  it('is given up when the caller says so', async () => {
    const { promise: called, resolve } = Promise.withResolvers<void>();
    const url = await startFakeStorage(
      {
        async getJob(_request, { signal }) {
          resolve();
          await once(signal, 'abort');
          return {};
        },
      },
      stack,
    );
    const abort = new AbortController();
    const answer = connectTo([url]).job(JOB_ID).status({ signal: abort.signal });
    await called;
    abort.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
  });
});

describe('a watch', () => {
  it('tells each status until the job has ended', async () => {
    const url = await startFakeStorage(
      {
        async *watchJob({ jobId, minIntervalMs }) {
          expect({ jobId, minIntervalMs }).toEqual({ jobId: JOB_ID, minIntervalMs: 250 });
          yield status(JobState.Ready);
          yield status(JobState.Running, 1);
          yield status(JobState.Succeeded, 3);
        },
      },
      stack,
    );
    const states: JobState[] = [];
    const handle = connectTo([url]).job(JOB_ID);
    for await (const { state } of handle.watch({ minIntervalMs: 250 })) states.push(state);
    expect(states).toEqual([JobState.Ready, JobState.Running, JobState.Succeeded]);
  });

  it('goes on elsewhere when the connection breaks, and tells nothing twice', async () => {
    const first = await startFakeStorage(
      {
        async *watchJob(_request, { signal }) {
          yield status(JobState.Running, 1);
          await once(signal, 'abort');
        },
      },
      stack,
    );
    const second = await startFakeStorage(
      {
        async *watchJob() {
          yield status(JobState.Running, 1);
          yield status(JobState.Running, 2);
          yield status(JobState.Succeeded, 3);
        },
      },
      stack,
    );
    const cable = await layCable(first, stack);
    const handle = connectTo([cable.url, second]).job(JOB_ID);
    const counts: number[] = [];
    for await (const { succeededTasks } of handle.watch()) {
      counts.push(succeededTasks);
      if (counts.length === 1) cable.cut();
    }
    expect(counts).toEqual([1, 2, 3]);
  });

  it('goes on when the server ends it too early', async () => {
    let calls = 0;
    const url = await startFakeStorage(
      {
        async *watchJob() {
          calls += 1;
          yield status(calls < 20 ? JobState.Running : JobState.Succeeded);
        },
      },
      stack,
    );
    const clock = new ImpatientClock();
    await connectTo([url], clock).job(JOB_ID).wait();
    expect(calls).toBe(20);
    // Each of them told something, so none counts as one more failure in a row.
    expect(Math.max(...clock.pauses)).toBeLessThanOrEqual(100);
  });

  it('ends at the server when the reader leaves', async () => {
    const { promise: left, resolve } = Promise.withResolvers<void>();
    const url = await startFakeStorage(
      {
        async *watchJob(_request, { signal }) {
          signal.addEventListener('abort', () => resolve());
          yield status(JobState.Running);
          await left;
        },
      },
      stack,
    );
    for await (const { state } of connectTo([url]).job(JOB_ID).watch()) {
      expect(state).toBe(JobState.Running);
      break;
    }
    await left;
  });

  it('of a job that does not exist fails', async () => {
    const url = await startFakeStorage(
      {
        // oxlint-disable-next-line require-yield -- it answers with an error
        async *watchJob() {
          throw new ConnectError('there is no job 7', Code.NotFound);
        },
      },
      stack,
    );
    const next = connectTo([url]).job(JOB_ID).watch().next();
    await expect(next).rejects.toMatchObject({ code: 'not-found', message: 'there is no job 7' });
  });
});

describe('wait', () => {
  /** A storage whose job does not end. */
  async function endless(): Promise<{ url: string; watched: Promise<void> }> {
    const { promise: watched, resolve } = Promise.withResolvers<void>();
    const url = await startFakeStorage(
      {
        async *watchJob({ minIntervalMs }, { signal }) {
          expect(minIntervalMs).toBe(0xffff_ffff);
          yield status(JobState.Running);
          resolve();
          await once(signal, 'abort');
        },
      },
      stack,
    );
    return { url, watched };
  }

  it('answers the final status, whatever it is', async () => {
    const url = await startFakeStorage(
      {
        async *watchJob() {
          yield status(JobState.Running);
          yield status(JobState.Failed, 1, 'task 1: no');
        },
      },
      stack,
    );
    const final = await connectTo([url]).job(JOB_ID).wait();
    expect(final).toMatchObject({ state: JobState.Failed, errorMessage: 'task 1: no' });
  });

  it('gives up at its timeout, and the job goes on', async () => {
    const { url, watched } = await endless();
    const clock = new ImpatientClock();
    const wait = connectTo([url], clock).job(JOB_ID).wait({ timeoutMs: 500 });
    await watched;
    for (const expire of clock.deadlines) expire();
    await expect(wait).rejects.toMatchObject({
      code: 'cancelled',
      message: 'job 7 has not ended within 500 ms; it goes on, wait() again',
    });
  });

  it('gives up when the caller says so', async () => {
    const { url, watched } = await endless();
    const abort = new AbortController();
    const wait = connectTo([url]).job(JOB_ID).wait({ signal: abort.signal, timeoutMs: 500 });
    await watched;
    abort.abort(new Error('enough'));
    await expect(wait).rejects.toThrow('enough');
  });

  it('gives up when the client is closed', async () => {
    const { url, watched } = await endless();
    const client = connectTo([url]);
    const wait = client.job(JOB_ID).wait();
    await watched;
    client.close();
    await expect(wait).rejects.toMatchObject({
      code: 'cancelled',
      message: 'the client was closed',
    });
  });
});

describe('outputs', () => {
  it('wait for the end and have the types that the job gave them', async () => {
    let reads = 0;
    const frame = encodeValues([float64], [3], 'job output');
    const url = await startFakeStorage(
      {
        async *watchJob() {
          yield status(JobState.Running);
          yield status(JobState.Succeeded, 3);
        },
        getJobOutputs() {
          reads += 1;
          if (reads === 1) throw unavailable();
          return { serializedOutputs: encodeSerializedOutputs(frame, nodeZstd) };
        },
      },
      stack,
    );
    const [value] = await connectTo([url]).job(JOB_ID, sum).outputs();
    expect(value).toBe(3);
    expect(reads).toBe(2);
  });

  it('of a job that failed are refused with the reason', async () => {
    const url = await startFakeStorage(
      {
        async *watchJob() {
          yield status(JobState.Failed, 1, 'task 1: no');
        },
      },
      stack,
    );
    const outputs = connectTo([url]).job(JOB_ID).outputs();
    await expect(outputs).rejects.toMatchObject({
      code: 'failed-precondition',
      message: 'job 7 has no outputs, it is FAILED: task 1: no',
    });
  });
});

describe('connect', () => {
  it('refuses a list without endpoints, and what is no URL', () => {
    expect(() => connect({ endpoints: [] })).toThrow('no endpoint is given');
    expect(() => connect({ endpoints: ['storage:50051'] })).toThrow('"storage:50051" is not a');
  });
});
