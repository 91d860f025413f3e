import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';
import { JobService, UploadJobRequestSchema } from '@spider/proto';
import { constants, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { createRpcClient } from './rpc-client.ts';
import { startRpcServer } from './server.ts';
import { createTransport } from './transport.ts';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/** Whose calls connect's client makes, or ours, with a deadline, which connect answers, or without. */
const CLIENTS = [
  ['ours', createRpcClient, {}],
  ["connect's", createClient, {}],
  ['ours, with a deadline,', createRpcClient, { timeoutMs: 60_000 }],
] as const;

async function startTransport() {
  const server = await startRpcServer({
    routes: (router) =>
      router.service(JobService, {
        getJob: ({ jobId }, context) => {
          if (jobId === 404n) throw new SpiderError('not-found', 'job 404 does not exist');
          context.responseHeader.set('x-job', String(jobId));
          return { status: { jobId, name: context.requestHeader.get('x-name') ?? '' } };
        },
        watchJob: async function* ({ jobId }) {
          for (let at = 1; at <= 3; at++) yield { status: { jobId, totalTasks: at } };
          if (jobId === 404n) throw new SpiderError('not-found', 'it is deleted');
        },
        uploadJob: async (requests) => {
          let bytes = 0;
          for await (const { part } of requests) {
            if (part.case === 'data') bytes += part.value.length;
          }
          return { jobId: BigInt(bytes) };
        },
      }),
  });
  stack.use(server);
  return stack.use(createTransport({ url: server.url }));
}

it.each(CLIENTS)('%s gets an answer, or the error', async (_, createAnyClient, options) => {
  const client = createAnyClient(JobService, await startTransport());
  const { status } = await client.getJob({ jobId: 5n }, options);
  expect(status?.jobId).toBe(5n);
  await expect(client.getJob({ jobId: 404n }, options)).rejects.toMatchObject({
    code: Code.NotFound,
    rawMessage: 'job 404 does not exist',
  });
});

it.each(CLIENTS)(
  '%s sends its headers and gets those of the answer',
  async (...[, make, options]) => {
    const transport = await startTransport();
    const headers = { 'x-name': 'nightly' };
    const { status } = await make(JobService, transport).getJob(
      { jobId: 5n },
      { ...options, headers },
    );
    expect(status?.name).toBe('nightly');
    const { getJob } = JobService.method;
    const { timeoutMs } = { timeoutMs: undefined, ...options };
    const response = await transport.unary(getJob, undefined, timeoutMs, headers, { jobId: 5n });
    expect(response.header.get('x-job')).toBe('5');
    expect(response.trailer.get('grpc-status')).toBe('0');
  },
);

it.each(CLIENTS)('%s gets all that is streamed, then the error', async (...[, make, options]) => {
  const client = make(JobService, await startTransport());
  const read = async (jobId: bigint): Promise<unknown[]> => {
    const seen: unknown[] = [];
    try {
      for await (const { status } of client.watchJob({ jobId }, options)) {
        seen.push(status?.totalTasks);
      }
    } catch (error) {
      seen.push(ConnectError.from(error).rawMessage);
    }
    return seen;
  };
  expect(await read(5n)).toEqual([1, 2, 3]);
  expect(await read(404n)).toEqual([1, 2, 3, 'it is deleted']);
});

it.each(CLIENTS)('%s streams what is large', async (...[, make, options]) => {
  const client = make(JobService, await startTransport());
  async function* parts() {
    for (let at = 0; at < 20; at++) {
      const value = new Uint8Array(100_000);
      yield create(UploadJobRequestSchema, { part: { case: 'data', value } });
    }
  }
  const { jobId } = await client.uploadJob(parts(), options);
  expect(jobId).toBe(2_000_000n);
});

it('an answer that breaks off before its status is one of a server that is gone', async () => {
  // As a server ends its streams that takes the other end for dead.
  const server = createServer().on('stream', (stream) => {
    stream.on('error', () => undefined).resume();
    stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' });
    stream.write(Buffer.alloc(5), () => stream.close(constants.NGHTTP2_NO_ERROR));
  });
  stack.defer(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createRpcClient(JobService, stack.use(createTransport({ url })));

  await expect(client.getJob({ jobId: 5n })).rejects.toMatchObject({ code: Code.Unavailable });
});

it('a deadline that has passed ends a call', async () => {
  const server = await startRpcServer({
    routes: (router) => router.service(JobService, { getJob: () => new Promise<never>(() => {}) }),
  });
  stack.use(server);
  const transport = stack.use(createTransport({ url: server.url }));
  const call = createRpcClient(JobService, transport).getJob({ jobId: 5n }, { timeoutMs: 20 });
  await expect(call).rejects.toMatchObject({ code: Code.DeadlineExceeded });
});
