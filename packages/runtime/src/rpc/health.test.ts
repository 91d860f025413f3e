import { createClient, type Client } from '@connectrpc/connect';
import { LIMITS } from '@spider/core';
import {
  fromConnectError,
  type HealthCheckResponse,
  HealthService,
  JobService,
  ServingStatus,
} from '@spider/proto';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { Health } from './health.ts';
import { startRpcServer } from './server.ts';
import { createTransport } from './transport.ts';

let stack: AsyncDisposableStack;
let health: Health;
let client: Client<typeof HealthService>;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  health = new Health([JobService]);
  const server = stack.use(await startRpcServer({ health }));
  client = createClient(HealthService, stack.use(createTransport({ url: server.url })));
});
afterEach(() => stack.disposeAsync());

const check = async (service: string) => ServingStatus[(await client.check({ service })).status];

const nameOf = (result: IteratorResult<HealthCheckResponse, unknown>): string | undefined =>
  result.done === true ? 'ended' : ServingStatus[result.value.status];

function watch(service: string) {
  const abort = new AbortController();
  stack.defer(() => abort.abort());
  const messages = client.watch({ service }, { signal: abort.signal })[Symbol.asyncIterator]();
  return {
    next: async () => nameOf(await messages.next()),
    end: () => abort.abort(),
  };
}

it('goes by the name that probers know', () => {
  expect(HealthService.typeName).toBe('grpc.health.v1.Health');
  expect(ServingStatus).toMatchObject({ SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 });
});

it('is that of the whole server, or of one of its services', async () => {
  expect(await check('')).toBe('NOT_SERVING');
  health.isServing = true;
  expect(await check('')).toBe('SERVING');
  expect(await check('spider.v1.JobService')).toBe('SERVING');
  health.isServing = false;
  expect(await check('spider.v1.JobService')).toBe('NOT_SERVING');
});

it('of a service that there is not is an error', async () => {
  const error = await client.check({ service: 'nobody' }).catch(fromConnectError);
  expect(error).toMatchObject({
    code: 'not-found',
    message: 'service: this server has no "nobody"',
  });
});

it('is pushed to those who watch, whenever it changes', async () => {
  const [whole, one, unknown] = [watch(''), watch('spider.v1.JobService'), watch('nobody')];
  expect(await whole.next()).toBe('NOT_SERVING');
  expect(await one.next()).toBe('NOT_SERVING');
  expect(await unknown.next()).toBe('SERVICE_UNKNOWN');
  health.isServing = true;
  health.isServing = true;
  health.isServing = false;
  expect([await whole.next(), await whole.next()]).toEqual(['SERVING', 'NOT_SERVING']);
  expect([await one.next(), await one.next()]).toEqual(['SERVING', 'NOT_SERVING']);
});

it('is not told to those who ask with a name beyond its limit', async () => {
  const service = 'x'.repeat(LIMITS.nameBytes + 1);
  const expected = { code: 'invalid-argument', message: 'service: 257 bytes are more than 256' };
  expect(await client.check({ service }).catch(fromConnectError)).toMatchObject(expected);
  expect(await watch(service).next().catch(fromConnectError)).toMatchObject(expected);
});

it('is watched by so many at a time, and by others when one of them leaves', async () => {
  const watches = Array.from({ length: LIMITS.healthWatches }, () => watch(''));
  await Promise.all(watches.map((open) => open.next()));
  expect(await watch('').next().catch(fromConnectError)).toMatchObject({
    code: 'resource-exhausted',
    message: "256 watches of this server's health are open, which is the limit",
  });
  watches[0]?.end();
  const retry = (): Promise<string | undefined> => watch('').next().catch(retry);
  expect(await retry()).toBe('NOT_SERVING');
});
