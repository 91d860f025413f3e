import { once } from 'node:events';
import { connect } from 'node:http2';

import { create } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { createClient } from '@connectrpc/connect';
import { LIMITS, type SpiderError } from '@spider/core';
import { type ExchangeRequest, ExchangeRequestSchema, WorkerService } from '@spider/proto';
import { expect, test } from 'vitest';

import { createRequestGuard } from './request-guard.ts';
import { type RpcServer, startRpcServer } from './server.ts';
import { handleStream, openStream } from './stream.ts';
import { createTransport } from './transport.ts';

/** A server that answers how many leases were asked for, or how many slots there are. */
const start = (): Promise<RpcServer> =>
  startRpcServer({
    routes: (router) =>
      router.service(WorkerService, {
        registerExecutionManager: ({ slots }) => ({ executionManagerId: BigInt(slots) }),
        exchange: (requests, context) =>
          handleStream(requests, context, () => ({ onMessage() {}, onClose() {} })),
      }),
  });

/** Posts JSON as the Connect protocol has it, and answers the status of HTTP. */
async function postJson(url: string, body: string): Promise<number> {
  const session = connect(url);
  session.on('error', () => undefined);
  const request = session.request({
    ':method': 'POST',
    ':path': `/${WorkerService.typeName}/RegisterExecutionManager`,
    'content-type': 'application/json',
  });
  request.on('error', () => undefined);
  request.end(body);
  const [headers] = (await once(request, 'response')) as [Record<string, number>];
  session.destroy();
  return headers[':status'] ?? 0;
}

test('a message of many small ones is refused before it is decoded, and the server goes on', async () => {
  await using server = await start();
  using transport = createTransport({ url: server.url });
  const client = createClient(WorkerService, transport);
  // 34 million leases of two bytes. Decoded they would take gigabytes.
  const bomb = create(ExchangeRequestSchema);
  const data = new Uint8Array(LIMITS.messageBytes - 4097);
  for (let at = 1; at < data.length; at += 2) data[at] = 0x12;
  bomb.$unknown = [{ no: 2, wireType: WireType.LengthDelimited, data }];
  const closed = Promise.withResolvers<SpiderError | undefined>();
  const before = process.memoryUsage().heapUsed;
  const stream = openStream(
    (requests: AsyncIterable<ExchangeRequest>, options) => client.exchange(requests, options),
    { onMessage() {}, onClose: closed.resolve },
  );
  stream.send(bomb);
  expect(await closed.promise).toMatchObject({
    code: 'resource-exhausted',
    message: 'a message has more than 4194304 values, the limit',
  });
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1024 * 1024);
  const { executionManagerId } = await client.registerExecutionManager({ slots: 5 });
  expect(executionManagerId).toBe(5n);
});

test('a message in JSON is read up to a size at which it cannot become too much', async () => {
  await using server = await start();
  const call = (bytes: number): Promise<number> =>
    postJson(server.url, JSON.stringify({ host: 'x'.repeat(bytes), slots: 3 }));
  expect(await call(1000)).toBe(200);
  expect(await call(LIMITS.jsonMessageBytes)).toBe(429);
});

test('each message of a stream is looked at, wherever the stream is cut', () => {
  const good = [0, 0, 0, 0, 2, 0x20, 0x07];
  const empty = [0, 0, 0, 0, 0];
  const bad = [0x80, 0, 0, 0, 1, 0x0b];
  const compressed = [1, 0, 0, 0, 1, 0x0b];
  const read = (bytes: readonly number[], size: number): void => {
    const guard = createRequestGuard(ExchangeRequestSchema, 'application/grpc+proto');
    for (let at = 0; at < bytes.length; at += size) {
      guard.push(Uint8Array.from(bytes.slice(at, at + size)));
    }
  };
  for (let size = 1; size <= 12; size++) {
    read([...good, ...empty, ...compressed, ...good], size);
    expect(() => read([...good, ...empty, ...bad], size)).toThrow('cannot be decoded');
  }
});
