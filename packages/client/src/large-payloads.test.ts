import { randomBytes } from 'node:crypto';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  bytes,
  crc32,
  decodeTaskGraph,
  encodeFrame,
  JobState,
  LIMITS,
  SpiderError,
  toId,
} from '@spider/core';
import { type SubmitJobRequest, toWireJobState, type UploadJobRequest } from '@spider/proto';
import { afterEach, describe, expect, it } from 'vitest';
import { layCable, startFakeStorage } from '../test/fake-storage.ts';
import { connect, defineJob } from './index.ts';

let stack = new AsyncDisposableStack();

afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

const policy = { maxRetries: 0, maxInstances: 1, softTimeoutMs: 1_000, hardTimeoutMs: 2_000 };
const digest = {
  packageName: 'blobs',
  functionName: 'digest',
  inputs: [bytes],
  outputs: [bytes],
  policy,
} as const;
const job = defineJob([bytes], (graph, blob) => [graph.task(digest, blob)]);

const LARGE = randomBytes(9 * LIMITS.chunkBytes + 5);

/** What an upload's messages say, put together. */
class Upload {
  job: SubmitJobRequest | undefined;
  taskGraphBytes = 0;
  crc32 = 0;
  readonly data: Uint8Array[] = [];

  take({ part }: UploadJobRequest): void {
    if (part.case === 'header') {
      this.job = part.value.job;
      this.taskGraphBytes = Number(part.value.taskGraphBytes);
    } else if (part.case === 'data') this.data.push(part.value);
    else if (part.case === 'end') this.crc32 = part.value.crc32;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.data);
  }
}

describe('a submission of many bytes', () => {
  it('goes in pieces, with all that a small one says, and small ones do not', async () => {
    const upload = new Upload();
    const small: SubmitJobRequest[] = [];
    const url = await startFakeStorage(
      {
        submitJob(request) {
          small.push(request);
          return { jobId: 1n };
        },
        async uploadJob(requests) {
          for await (const request of requests) upload.take(request);
          return { jobId: 2n };
        },
      },
      stack,
    );
    const client = stack.use(connect({ endpoints: [url] }));
    const options = { start: true, name: 'big', labels: { a: 'b' }, priority: 3 };
    const handle = await client.submit(job, [LARGE], { ...options, idempotencyKey: 'k' });
    expect(handle.id).toBe(2n);
    expect(upload.job).toMatchObject({ ...options, idempotencyKey: 'k' });
    expect(upload.job?.inputs).toHaveLength(0);
    const { bytes: all, taskGraphBytes, data } = upload;
    expect(decodeTaskGraph(all.subarray(0, taskGraphBytes)).taskCount).toBe(1);
    const inputs = all.subarray(taskGraphBytes);
    expect(Buffer.compare(inputs, job.encodeInputs([LARGE]))).toBe(0);
    expect(data.every((piece) => piece.length <= LIMITS.chunkBytes)).toBe(true);
    expect(upload.crc32).toBe(crc32(all));

    expect((await client.submit(job, [Buffer.of(1)])).id).toBe(1n);
    expect(small).toHaveLength(1);
  });

  it('that breaks half way is made anew, with the same key', async () => {
    const keys: (string | undefined)[] = [];
    const completed: Upload[] = [];
    const url = await startFakeStorage(
      {
        async uploadJob(requests) {
          const upload = new Upload();
          for await (const request of requests) {
            upload.take(request);
            if (upload.data.length === 2 && keys.length === 0) cable.cut();
          }
          keys.push(upload.job?.idempotencyKey);
          completed.push(upload);
          return { jobId: 2n };
        },
      },
      stack,
    );
    const cable = await layCable(url, stack);
    const client = stack.use(connect({ endpoints: [cable.url, url] }));
    await client.submit(job, [LARGE]);
    expect(completed.at(-1)?.bytes.length).toBeGreaterThan(LARGE.length);
    expect(new Set(keys).size).toBe(1);
  });

  it('that is refused at its first message stops at once', async () => {
    const url = await startFakeStorage(
      {
        uploadJob() {
          throw new ConnectError('no room', Code.ResourceExhausted);
        },
      },
      stack,
    );
    const client = stack.use(connect({ endpoints: [url] }));
    const many = Buffer.alloc(50 * LIMITS.chunkBytes);
    await expect(client.submit(job, [many])).rejects.toMatchObject({
      code: 'resource-exhausted',
      message: 'no room',
    });
  });
});

describe('outputs of many bytes', () => {
  const OUTPUTS = Buffer.concat([Buffer.of(0), encodeFrame([LARGE])]);
  const head = { totalBytes: BigInt(OUTPUTS.length) };
  const tooLarge = () => new ConnectError('too large', Code.ResourceExhausted);

  async function* succeeded() {
    yield { status: { jobId: 7n, state: toWireJobState(JobState.Succeeded) } };
  }

  it('come in pieces, and go on where they were when the connection is lost', async () => {
    const offsets: number[] = [];
    const url = await startFakeStorage(
      {
        watchJob: succeeded,
        getJobOutputs() {
          throw tooLarge();
        },
        async *downloadJobOutputs({ offset }) {
          offsets.push(Number(offset));
          yield head;
          const rest = OUTPUTS.subarray(Number(offset));
          for (let at = 0; at < rest.length; at += LIMITS.chunkBytes) {
            yield { data: rest.subarray(at, at + LIMITS.chunkBytes) };
            if (offsets.length < 3) throw new ConnectError('gone', Code.Unavailable);
          }
          yield { crc32: crc32(rest) };
        },
      },
      stack,
    );
    const client = stack.use(connect({ endpoints: [url] }));
    const [output] = await client.job(toId(7n)).outputs();
    expect(Buffer.compare(output ?? Buffer.of(), LARGE)).toBe(0);
    expect(offsets).toEqual([0, LIMITS.chunkBytes, 2 * LIMITS.chunkBytes]);
  });

  it.each([
    ['damaged', [head, { data: OUTPUTS }, { crc32: 1 }], 'damaged on the way'],
    ['cut short', [head, { crc32: 0 }], 'fewer outputs than it has announced'],
    ['more than announced', [{ totalBytes: 1n }, { data: OUTPUTS }], 'more outputs than it has'],
    ['not announced', [{ data: OUTPUTS }], 'more outputs than it has announced'],
    ['far too many', [{ totalBytes: 2n ** 63n }], 'the outputs have 9223372036854775808 bytes'],
  ])('that are %s are refused', async (_what, answers, message) => {
    const url = await startFakeStorage(
      {
        watchJob: succeeded,
        getJobOutputs() {
          throw tooLarge();
        },
        async *downloadJobOutputs() {
          yield* answers;
        },
      },
      stack,
    );
    const client = stack.use(connect({ endpoints: [url] }));
    const failure = await client
      .job(toId(7n))
      .outputs()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SpiderError);
    expect((failure as SpiderError).message).toContain(message);
  });
});
