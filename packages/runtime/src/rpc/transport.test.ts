import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createClient, type Client } from '@connectrpc/connect';
import type { SpiderError } from '@spider/core';
import { ExchangeResponseSchema, fromConnectError, WorkerService } from '@spider/proto';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { startTcpProxy } from '../../test/tcp-proxy.ts';
import { ManualClock } from '../testing.ts';
import { peerOf, type Peer } from './peer.ts';
import { startRpcServer, type RpcServer } from './server.ts';
import { handleStream, openStream } from './stream.ts';
import { createTransport, type TransportOptions } from './transport.ts';

let stack: AsyncDisposableStack;
/** Resolves when the server has got a call to the host 'wait', which it never answers. */
let waiting: PromiseWithResolvers<void>;
/** Of the last call. */
let peer: Peer | undefined;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  waiting = Promise.withResolvers();
});
afterEach(() => stack.disposeAsync());

async function start(port = 0): Promise<RpcServer> {
  const server = await startRpcServer({
    port,
    routes: (router) =>
      router.service(WorkerService, {
        registerExecutionManager: async ({ host }, context) => {
          peer = peerOf(context);
          if (host !== 'wait') return { executionManagerId: 1n };
          waiting.resolve();
          return new Promise(() => {});
        },
        exchange: (requests, context) =>
          handleStream(requests, context, (stream) => ({
            onMessage: () => stream.send(create(ExchangeResponseSchema)),
            onClose() {},
          })),
      }),
  });
  return stack.use(server);
}

function connect(url: string, options: Partial<TransportOptions> = {}) {
  const transport = stack.use(createTransport({ url, ...options }));
  return { transport, client: createClient(WorkerService, transport) };
}

async function failureOf(call: Promise<unknown>): Promise<SpiderError> {
  try {
    await call;
  } catch (error) {
    return fromConnectError(error);
  }
  throw new Error('the call has not failed');
}

const isAnswered = async (client: Client<typeof WorkerService>): Promise<boolean> =>
  (await client.registerExecutionManager({})).executionManagerId === 1n;

describe('createTransport', () => {
  it.each(['localhost:50051', 'ftp://localhost:1', 'spider', ''])('does not take %s', (url) => {
    expect(() => createTransport({ url })).toThrow('is not an http:// or https:// URL');
  });

  it('says what it could not connect to, and why', async () => {
    const server = await start();
    await server.close();

    expect(await failureOf(connect(server.url).client.registerExecutionManager({}))).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(
        `cannot connect to ${server.url}: connect ECONNREFUSED`,
      ) as string,
    });
  });

  it('gives up a peer whose machine accepts connections and that never says anything', async () => {
    const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    stack.defer(() => void silent.close());
    await once(silent, 'listening');
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const { client } = connect(url, { connectTimeoutMs: 50 });

    expect(await failureOf(client.registerExecutionManager({}))).toMatchObject({
      code: 'unavailable',
      message: `cannot connect to ${url}: no answer within 50 ms`,
    });
  });

  it('connects anew after the server was started again', async () => {
    const first = await start();
    const { client } = connect(first.url);
    expect(await isAnswered(client)).toBe(true);
    await first.close();
    expect(await failureOf(client.registerExecutionManager({}))).toMatchObject({
      code: 'unavailable',
    });
    await start(first.port);

    expect(await isAnswered(client)).toBe(true);
  });

  it('opens one connection for all calls', async () => {
    const server = await start();
    const proxy = stack.use(await startTcpProxy(server.port));
    const { client } = connect(proxy.url);
    await Promise.all(Array.from({ length: 50 }, () => client.registerExecutionManager({})));

    expect(proxy.connectionCount).toBe(1);
  });

  it('fails all calls when it is closed, and serves later ones', async () => {
    const server = await start();
    const { client, transport } = connect(server.url);
    const failure = failureOf(client.registerExecutionManager({ host: 'wait' }));
    await waiting.promise;
    transport.close();

    expect(await failure).toMatchObject({
      code: 'cancelled',
      message: 'the transport was closed',
    });
    expect(await isAnswered(client)).toBe(true);
  });

  it("fails a call with its signal's reason", async () => {
    const { client } = connect((await start()).url);
    const stop = new AbortController();
    const call = client.registerExecutionManager({ host: 'wait' }, { signal: stop.signal });
    const failure = failureOf(call);
    await waiting.promise;
    stop.abort(new Error('enough'));

    expect(await failure).toMatchObject({ message: 'enough' });
  });
});

describe('a connection', () => {
  /** Sockets that keep the process alive, those of the server in this process among them. */
  const heldSockets = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

  it('keeps the process alive while a call runs, not when it is idle', async () => {
    const server = await start();
    const { client } = connect(server.url);
    // Those of earlier tests are closing.
    await vi.waitFor(() => expect(heldSockets()).toBe(0));
    const stop = new AbortController();
    const call = client.registerExecutionManager({ host: 'wait' }, { signal: stop.signal });
    const failure = failureOf(call);
    await waiting.promise;
    expect(heldSockets()).toBe(2);
    stop.abort();
    await failure;
    await isAnswered(client);

    // The server's end alone.
    await vi.waitFor(() => expect(heldSockets()).toBe(1));
  });
});

describe('a connection that breaks', () => {
  it('fails calls and streams as unavailable, and is replaced', async () => {
    const server = await start();
    const proxy = stack.use(await startTcpProxy(server.port));
    const { client } = connect(proxy.url);
    const closed = Promise.withResolvers<SpiderError | undefined>();
    const opened = Promise.withResolvers<void>();
    const stream = openStream(client.exchange, {
      onMessage: () => opened.resolve(),
      onClose: closed.resolve,
    });
    stream.send({});
    const failure = failureOf(client.registerExecutionManager({ host: 'wait' }));
    await Promise.all([opened.promise, waiting.promise]);
    proxy.cut();

    const lost = { code: 'unavailable', message: `the connection to ${proxy.url} was lost` };
    expect(await closed.promise).toMatchObject(lost);
    expect(await failure).toMatchObject(lost);
    expect(await isAnswered(client)).toBe(true);
    expect(proxy.connectionCount).toBe(2);
  });

  it('is noticed too when its other end just hangs, by a ping', async () => {
    const server = await start();
    const proxy = stack.use(await startTcpProxy(server.port));
    const clock = new ManualClock();
    const { client } = connect(proxy.url, { clock, pingIntervalMs: 1_000, pingTimeoutMs: 2_000 });
    const failure = failureOf(client.registerExecutionManager({ host: 'wait' }));
    await waiting.promise;
    proxy.freeze();
    clock.advance(1_000);
    clock.advance(1_999);
    // A call that meets the dead connection must not stop the process either.
    const late = failureOf(client.registerExecutionManager({}));
    await clock.settle();
    clock.advance(1);

    const dead = { code: 'unavailable', message: `${proxy.url} did not answer within 2000 ms` };
    expect(await failure).toMatchObject(dead);
    expect(await late).toMatchObject(dead);
  });

  it('stays when its other end answers the pings', async () => {
    const server = await start();
    const proxy = stack.use(await startTcpProxy(server.port));
    const clock = new ManualClock();
    const { client } = connect(proxy.url, { clock, pingIntervalMs: 1_000, pingTimeoutMs: 2_000 });
    for (let round = 0; round < 5; round++) {
      clock.advance(1_000);
      // The answer to the ping is on the same connection, before this one.
      expect(await isAnswered(client)).toBe(true);
    }

    expect(proxy.connectionCount).toBe(1);
  });
});

describe('a ping', () => {
  it('is answered by a process that goes on, and not by one that stands still', async () => {
    const server = await start();
    const proxy = stack.use(await startTcpProxy(server.port));
    const { transport, client } = connect(proxy.url);
    const onAnswer = vi.fn<() => void>();
    transport.ping(onAnswer);
    await isAnswered(client);
    expect(onAnswer).not.toHaveBeenCalled();
    transport.ping(onAnswer);
    await isAnswered(client);
    expect(onAnswer).toHaveBeenCalledTimes(1);

    proxy.freeze();
    transport.ping(onAnswer);
    const lost = failureOf(client.registerExecutionManager({ host: 'wait' }));
    proxy.cut();
    expect(await lost).toMatchObject({ code: 'unavailable' });
    expect(onAnswer).toHaveBeenCalledTimes(1);
  });

  it('is heard by the server', async () => {
    const server = await start();
    const { transport, client } = connect(server.url);
    await isAnswered(client);
    const atFirst = peer?.heardUs ?? NaN;
    transport.ping(() => {});
    await isAnswered(client);
    expect(peer?.heardUs).toBeGreaterThan(atFirst);
  });

  it('counts as a sign of life, so that the connection asks no more', async () => {
    const server = await start();
    const proxy = stack.use(await startTcpProxy(server.port));
    const clock = new ManualClock();
    const { transport, client } = connect(proxy.url, { clock, pingTimeoutMs: 2_000 });
    await isAnswered(client);
    for (let round = 0; round < 4; round++) {
      clock.advance(4_000);
      transport.ping(() => {});
      await isAnswered(client);
    }
    // Had it asked, it would have given up.
    proxy.freeze();
    clock.advance(4_999);
    const call = failureOf(client.registerExecutionManager({}));
    await clock.settle();
    clock.advance(1);
    clock.advance(1_999);
    await clock.settle();
    clock.advance(1);
    const dead = { message: `${proxy.url} did not answer within 2000 ms` };
    expect(await call).toMatchObject(dead);
  });
});
