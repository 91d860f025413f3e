import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { crc32, decodeFrame, encodeFrame, JobState, LIMITS } from '@spider/core';
import { UploadJobRequestSchema } from '@spider/proto';
import type { UploadJobRequest } from '@spider/proto';
import { OutgoingStream } from '@spider/runtime';
import { describe, expect, test } from 'vitest';
import { chain, encoded } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { TestStorage } from '../testing/test-storage.ts';

type Part = NonNullable<MessageInitShape<typeof UploadJobRequestSchema>['part']>;

const LARGE = randomBytes(5 * LIMITS.chunkBytes + 12_345);
const GRAPH = encoded(chain(1));
const refusedWith = (code: Code, text: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string });

const header = (
  taskGraph: Uint8Array,
  inputs: Uint8Array,
  job: { readonly start?: boolean; readonly idempotencyKey?: string } = {},
): Part => ({
  case: 'header',
  value: { job, taskGraphBytes: BigInt(taskGraph.length), inputsBytes: BigInt(inputs.length) },
});

function dataParts(...values: Uint8Array[]): Part[] {
  const bytes = Buffer.concat(values);
  const parts: Part[] = [];
  for (let at = 0; at < bytes.length; at += LIMITS.chunkBytes) {
    parts.push({ case: 'data', value: bytes.subarray(at, at + LIMITS.chunkBytes) });
  }
  return parts;
}

const endOf = (...values: Uint8Array[]): Part => ({
  case: 'end',
  value: { crc32: crc32(Buffer.concat(values)) },
});

const wholeUpload = (
  taskGraph: Uint8Array,
  inputs: Uint8Array,
  job?: Parameters<typeof header>[2],
): Part[] => [
  header(taskGraph, inputs, job),
  ...dataParts(taskGraph, inputs),
  endOf(taskGraph, inputs),
];

async function* messages(parts: readonly Part[]): AsyncGenerator<UploadJobRequest> {
  for (const part of parts) yield create(UploadJobRequestSchema, { part });
}

/** Runs a job of one task with this output. */
async function succeed(storage: TestStorage, jobId: bigint, output: Uint8Array): Promise<void> {
  const worker = await ScriptedExecutionManager.register(storage.transport);
  const leased = await worker.lease([{ jobId, taskIndex: 0 }]);
  await worker.flushed(worker.succeed(leased, [output]));
  await collect(storage.jobs.watchJob({ jobId }));
}

async function download(storage: TestStorage, jobId: bigint, offset = 0n): Promise<Buffer> {
  const answers = await collect(storage.jobs.downloadJobOutputs({ jobId, offset }));
  const data = Buffer.concat(answers.map((answer) => answer.data));
  expect(answers.every((answer) => answer.data.length <= LIMITS.chunkBytes)).toBe(true);
  expect(answers.at(-1)?.crc32).toBe(crc32(data));
  expect(answers[0]?.totalBytes).toBe(offset + BigInt(data.length));
  return data;
}

describe('an upload', () => {
  test('submits a job whose inputs fill many messages', async () => {
    await using storage = await TestStorage.start();
    const inputs = encodeFrame([LARGE]);
    const { jobId, state, existed } = await storage.jobs.uploadJob(
      messages(wholeUpload(GRAPH, inputs, { start: true })),
    );
    expect({ state, existed }).toEqual({ state: JobState.Running, existed: false });
    const worker = await ScriptedExecutionManager.register(storage.transport);
    const [task] = await worker.lease([{ jobId, taskIndex: 0 }]);
    expect(Buffer.compare(decodeFrame(task?.inputs ?? LARGE)[0] ?? Buffer.of(), LARGE)).toBe(0);
  });

  test('may come in pieces of any size, down to none', async () => {
    await using storage = await TestStorage.start();
    const inputs = encodeFrame([Buffer.of(7)]);
    const bytes = Buffer.concat([GRAPH, inputs]);
    const single: Part[] = [...bytes].map((byte) => ({ case: 'data', value: Buffer.of(byte) }));
    const { jobId } = await storage.jobs.uploadJob(
      messages([
        header(GRAPH, inputs),
        { case: 'data', value: Buffer.of() },
        ...single,
        endOf(bytes),
      ]),
    );
    expect((await storage.jobs.getJob({ jobId })).status?.state).toBe(JobState.Ready);
  });

  test('is refused if a piece is too large', async () => {
    await using storage = await TestStorage.start();
    const value = new Uint8Array(LIMITS.chunkBytes + 1);
    const upload = storage.jobs.uploadJob(
      messages([header(value, value), { case: 'data', value }]),
    );
    await expect(upload).rejects.toEqual(
      refusedWith(Code.InvalidArgument, 'data: 1048577 bytes are more than 1048576'),
    );
  });

  test('with the key of another submission answers its job', async () => {
    await using storage = await TestStorage.start();
    const inputs = encodeFrame([LARGE]);
    const upload = (): Part[] => wholeUpload(GRAPH, inputs, { idempotencyKey: 'k' });
    const first = await storage.jobs.uploadJob(messages(upload()));
    const second = await storage.jobs.uploadJob(messages(upload()));
    expect(second).toMatchObject({ jobId: first.jobId, existed: true });
  });

  const INPUTS = encodeFrame([Buffer.of(7)]);
  test.each<[string, Part[], string]>([
    ['has no header', dataParts(GRAPH), 'header: is missing'],
    ['has a second header', [header(GRAPH, INPUTS), header(GRAPH, INPUTS)], 'header: belongs'],
    ['has a message without a part', [header(GRAPH, INPUTS), { case: undefined }], 'part: is'],
    [
      'has more than it announced',
      [header(GRAPH, Buffer.of()), ...dataParts(GRAPH, INPUTS)],
      'more than the',
    ],
    ['ends early', [header(GRAPH, INPUTS), ...dataParts(GRAPH), endOf(GRAPH)], 'end: comes after'],
    ['does not end', [header(GRAPH, INPUTS), ...dataParts(GRAPH, INPUTS)], 'end: is missing'],
    [
      'is damaged',
      [header(GRAPH, INPUTS), ...dataParts(GRAPH, INPUTS), endOf(GRAPH)],
      'end.crc32: is',
    ],
    ['is no graph', wholeUpload(INPUTS, INPUTS), 'task graph'],
    [
      'announces too much',
      [{ case: 'header', value: { job: {}, taskGraphBytes: 2n ** 28n + 1n } }],
      'header.task_graph_bytes: 268435457 bytes are more than the 268435456 of runtime.limits.job_bytes',
    ],
    [
      'announces far too much',
      [{ case: 'header', value: { job: {}, inputsBytes: 2n ** 64n - 1n } }],
      'header.inputs_bytes',
    ],
    ['has no submission', [{ case: 'header', value: {} }], 'header.job: is missing'],
    [
      'has its graph in the header',
      [{ case: 'header', value: { job: { taskGraph: GRAPH } } }],
      'header.job.task_graph: belongs into data',
    ],
    [
      'has a key that is too long',
      [header(GRAPH, INPUTS, { idempotencyKey: 'k'.repeat(257) })],
      'idempotency_key: 257 bytes are more than 256',
    ],
  ])('that %s is refused and leaves nothing behind', async (_what, parts, text) => {
    await using storage = await TestStorage.start({
      config: { runtime: { limits: { uploads: 1, upload_bytes: GRAPH.length + INPUTS.length } } },
    });
    await expect(storage.jobs.uploadJob(messages(parts))).rejects.toEqual(
      refusedWith(Code.InvalidArgument, text),
    );
    expect((await storage.jobs.listJobs({})).jobs).toEqual([]);
    // The only place is free, and all of its bytes are.
    await storage.jobs.uploadJob(messages(wholeUpload(GRAPH, INPUTS)));
  });
});

describe('uploads at a time', () => {
  const INPUTS = encodeFrame([Buffer.of(7)]);
  const size = GRAPH.length + INPUTS.length;

  /** An upload that has sent its header and waits. */
  function begin(storage: TestStorage): {
    readonly requests: OutgoingStream<UploadJobRequest>;
    readonly answer: Promise<unknown>;
    readonly abort: AbortController;
  } {
    const requests = new OutgoingStream<UploadJobRequest>();
    requests.push(create(UploadJobRequestSchema, { part: header(GRAPH, INPUTS) }));
    const abort = new AbortController();
    const answer = storage.jobs.uploadJob(requests, { signal: abort.signal });
    answer.catch(() => undefined);
    return { requests, answer, abort };
  }

  const upload = (storage: TestStorage): Promise<unknown> =>
    storage.jobs.uploadJob(messages(wholeUpload(GRAPH, INPUTS)));

  /** Whether an upload is refused for this reason: asks until the one before it has arrived. */
  async function untilRefused(storage: TestStorage, text: string): Promise<void> {
    for (;;) {
      const refusal: unknown = await upload(storage).catch((error: unknown) => error);
      if (!(refusal instanceof Error)) continue;
      expect(refusal).toEqual(refusedWith(Code.ResourceExhausted, text));
      return;
    }
  }

  async function untilAccepted(storage: TestStorage): Promise<void> {
    for (;;) {
      const outcome: unknown = await upload(storage).catch((error: unknown) => error);
      if (!(outcome instanceof Error)) return;
    }
  }

  test.each([
    ['number', { uploads: 1 }, '1 uploads are under way, and runtime.limits.uploads'],
    [
      'bytes',
      { upload_bytes: size + 1 },
      `more than the ${size + 1} of runtime.limits.upload_bytes`,
    ],
  ])(
    'are bounded in their %s, and one that breaks gives its place back',
    async (_, limits, text) => {
      await using storage = await TestStorage.start({ config: { runtime: { limits } } });
      const { abort, answer } = begin(storage);
      await untilRefused(storage, text);
      abort.abort();
      await expect(answer).rejects.toThrow();
      await untilAccepted(storage);
    },
  );

  test('are given up when nothing comes for too long', async () => {
    const clock = new SteppedClock();
    await using storage = await TestStorage.start({
      clock,
      config: { runtime: { limits: { uploads: 1, upload_idle_ms: 5000 } } },
    });
    const { answer } = begin(storage);
    await untilRefused(storage, 'runtime.limits.uploads');
    clock.advance(5000);
    await expect(answer).rejects.toEqual(
      refusedWith(Code.Unavailable, 'the upload was given up: nothing came for 5000 ms'),
    );
    await untilAccepted(storage);
  });
});

describe('a download', () => {
  test('brings outputs that fill many messages', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(chain(1));
    await succeed(storage, jobId, LARGE);
    await expect(storage.jobs.getJobOutputs({ jobId })).rejects.toEqual(
      refusedWith(Code.ResourceExhausted, 'DownloadJobOutputs answers them in pieces'),
    );
    const whole = await download(storage, jobId);
    for (const offset of [1, LIMITS.chunkBytes, LIMITS.chunkBytes + 7, whole.length]) {
      const rest = await download(storage, jobId, BigInt(offset));
      expect(Buffer.compare(rest, whole.subarray(offset))).toBe(0);
    }
    await expect(download(storage, jobId, BigInt(whole.length + 1))).rejects.toEqual(
      refusedWith(Code.InvalidArgument, `offset: ${whole.length + 1} is more than the`),
    );
    await expect(download(storage, jobId, 2n ** 64n - 1n)).rejects.toEqual(
      refusedWith(Code.InvalidArgument, 'offset: '),
    );
  });

  test('brings small outputs as well', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(chain(1));
    await succeed(storage, jobId, Buffer.of(1, 2));
    const { serializedOutputs } = await storage.jobs.getJobOutputs({ jobId });
    expect(await download(storage, jobId)).toEqual(Buffer.from(serializedOutputs));
  });

  test('is refused unless the job has succeeded', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(chain(1));
    await expect(download(storage, jobId)).rejects.toEqual(
      refusedWith(Code.FailedPrecondition, 'it has outputs once it is SUCCEEDED'),
    );
    await expect(download(storage, 404n)).rejects.toEqual(refusedWith(Code.NotFound, '404'));
  });

  test('that its reader leaves ends, and takes nothing else with it', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(chain(1));
    await succeed(storage, jobId, LARGE);
    for await (const { data } of storage.jobs.downloadJobOutputs({ jobId })) {
      if (data.length > 0) break;
    }
    expect((await download(storage, jobId)).length).toBeGreaterThan(LARGE.length);
  });
});
