import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { once } from 'node:events';

import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';
import {
  ExchangeResponseSchema,
  fromConnectError,
  HealthService,
  ServingStatus,
  WorkerService,
} from '@spider/proto';
import { SessionManagementService } from '@spider/proto/reference';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startTcpProxy } from '../../test/tcp-proxy.ts';
import { ManualClock, RecordingLogger } from '../testing.ts';
import { Health } from './health.ts';
import { startRpcServer, type RpcServer, type RpcServerOptions } from './server.ts';
import { handleStream, openStream } from './stream.ts';
import { createTransport } from './transport.ts';

/** The first bytes of a client of HTTP/2. */
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

let stack: AsyncDisposableStack;
let logger: RecordingLogger;
/** What `registerExecutionManager` does, by the host that it is called with. */
let behaviours: Record<string, () => Promise<never>>;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  logger = new RecordingLogger();
  behaviours = {};
});
afterEach(() => stack.disposeAsync());

async function start(options: Partial<RpcServerOptions> = {}): Promise<RpcServer> {
  const server = await startRpcServer({
    logger,
    routes: (router) => {
      router.service(WorkerService, {
        registerExecutionManager: async ({ host, slots }) => {
          await behaviours[host]?.();
          return { executionManagerId: BigInt(slots), sessionId: 1n };
        },
        exchange: (requests, context) =>
          handleStream(requests, context, (stream) => ({
            onMessage: () => stream.send(create(ExchangeResponseSchema)),
            onClose() {},
          })),
      });
    },
    ...options,
  });
  return stack.use(server);
}

function clientOf(server: RpcServer) {
  return createClient(WorkerService, stack.use(createTransport({ url: server.url })));
}

/** Calls, and answers the error. */
async function failureOf(call: Promise<unknown>): Promise<SpiderError> {
  try {
    await call;
  } catch (error) {
    return fromConnectError(error);
  }
  throw new Error('the call has not failed');
}

async function answers(server: RpcServer): Promise<boolean> {
  const { executionManagerId } = await clientOf(server).registerExecutionManager({ slots: 5 });
  return executionManagerId === 5n;
}

/** A client that says hello and listens, and never hangs up of its own accord. */
async function deafClient(server: RpcServer): Promise<Socket> {
  const socket = connectTcp({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  stack.defer(() => void socket.destroy());
  socket.write(PREFACE + '\0\0\0\u0004\0\0\0\0\0');
  await once(socket, 'data');
  return socket;
}

/** Resolves when the server has said on this socket that it sends no more. */
async function hungUpOn(socket: Socket): Promise<void> {
  socket.resume();
  await once(socket, 'end');
}

describe('startRpcServer', () => {
  it('serves calls at the address that it tells', async () => {
    const server = await start();

    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect(await answers(server)).toBe(true);
  });

  it('tells an address to connect to when it listens at all of them', async () => {
    const server = await start({ host: '0.0.0.0' });

    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
  });

  it('says why it cannot listen', async () => {
    const { port } = await start();

    const failure = await failureOf(start({ port }));
    expect(failure.code).toBe('failed-precondition');
    expect(failure.message).toContain(`EADDRINUSE: address already in use 127.0.0.1:${port}`);
  });

  it('answers what handlers throw, and tells no secrets', async () => {
    behaviours['ours'] = async () => {
      throw new SpiderError('not-found', 'no such job');
    };
    behaviours['bug'] = async () => {
      throw new Error('password is hunter2');
    };
    behaviours['connect'] = async () => {
      throw new ConnectError('no', Code.AlreadyExists);
    };
    const client = clientOf(await start());
    const call = (host: string) => failureOf(client.registerExecutionManager({ host }));

    expect(await call('ours')).toMatchObject({ code: 'not-found', message: 'no such job' });
    expect(await call('connect')).toMatchObject({ code: 'already-exists', message: 'no' });
    expect(logger.lines).toEqual([]);
    expect(await call('bug')).toMatchObject({ code: 'internal', message: 'internal error' });
    expect(logger.lines).toMatchObject([
      {
        message: 'an RPC failed',
        fields: { method: 'spider.v1.WorkerService/RegisterExecutionManager' },
      },
    ]);
  });

  it('answers that it does not have a method, or a service', async () => {
    const server = await start();
    const transport = stack.use(createTransport({ url: server.url }));

    expect(
      await failureOf(createClient(WorkerService, transport).deregisterExecutionManager({})),
    ).toMatchObject({ code: 'unimplemented' });
    expect(
      await failureOf(createClient(SessionManagementService, transport).getSession({})),
    ).toMatchObject({
      code: 'unimplemented',
      message: '/storage.SessionManagementService/GetSession does not exist',
    });
  });

  it('says why it is not available where it has nothing to answer with', async () => {
    const server = await start({ routes: () => undefined, unavailable: 'not the active one' });
    const transport = stack.use(createTransport({ url: server.url }));
    const client = createClient(WorkerService, transport);

    expect(await failureOf(client.registerExecutionManager({ slots: 1 }))).toMatchObject({
      code: 'unavailable',
      message: 'not the active one',
    });
    const stream = client.exchange((async function* () {})())[Symbol.asyncIterator]();
    expect(await failureOf(stream.next())).toMatchObject({ code: 'unavailable' });
  });

  it('answers nothing but how it is while it is paused', async () => {
    const pause: { reason?: string } = { reason: 'not just now' };
    const server = await start({ health: new Health([]), paused: () => pause.reason });
    const transport = stack.use(createTransport({ url: server.url }));
    const client = createClient(WorkerService, transport);

    expect(await failureOf(client.registerExecutionManager({}))).toMatchObject({
      code: 'unavailable',
      message: 'not just now',
    });
    const { status } = await createClient(HealthService, transport).check({});
    expect(status).toBe(ServingStatus.NOT_SERVING);
    delete pause.reason;
    expect(await answers(server)).toBe(true);
  });

  it('can begin to serve what it had refused, on the connections that it has', async () => {
    const server = await start({ routes: () => undefined, unavailable: 'not yet' });
    const client = clientOf(server);
    expect(await failureOf(client.registerExecutionManager({}))).toMatchObject({
      message: 'not yet',
    });
    server.serve({
      routes: (router) =>
        router.service(WorkerService, {
          registerExecutionManager: () => ({ executionManagerId: 7n, sessionId: 1n }),
        }),
    });

    expect(await client.registerExecutionManager({})).toMatchObject({ executionManagerId: 7n });
    const failure = await failureOf(client.deregisterExecutionManager({}));
    expect(failure.code).toBe('unimplemented');
  });

  it('refuses a message over its limit, and names the limit', async () => {
    const server = await start({ readMaxBytes: 1_000 });
    const host = 'x'.repeat(2_000);

    const failure = await failureOf(clientOf(server).registerExecutionManager({ host }));
    expect(failure.code).toBe('resource-exhausted');
    expect(failure.message).toContain('1000');
  });

  it('lets a client have only so many calls open at once', async () => {
    const server = await start({ maxStreamsPerConnection: 2 });
    const { promise: release, resolve: onRelease } = Promise.withResolvers<never>();
    let running = 0;
    behaviours['wait'] = () => {
      running++;
      return release;
    };
    const client = clientOf(server);
    await client.registerExecutionManager({});
    const calls = ['wait', 'wait', 'wait'].map((host) => client.registerExecutionManager({ host }));
    // Another connection is served while the third call waits for its turn.
    expect(await answers(server)).toBe(true);
    expect(running).toBe(2);
    onRelease(undefined as never);

    await Promise.all(calls);
    expect(running).toBe(3);
  });
});

describe('what a server takes at a time', () => {
  it('is so many connections: the next one is told so, and may come later', async () => {
    const server = await start({ maxConnections: 2 });
    const first = createTransport({ url: server.url });
    await createClient(WorkerService, first).registerExecutionManager({});
    const second = clientOf(server);
    await second.registerExecutionManager({});

    const refused = await failureOf(clientOf(server).registerExecutionManager({}));
    expect(refused.code).toBe('unavailable');
    expect(logger.lines).toMatchObject([
      {
        message: 'connections are refused',
        fields: { reason: '2 connections are open, the limit' },
      },
    ]);
    first.close();
    const late = clientOf(server);
    // The server hears of it a little later.
    for (;;) {
      const outcome: unknown = await late
        .registerExecutionManager({})
        .catch((error: unknown) => error);
      if (!(outcome instanceof Error)) break;
    }
    await second.registerExecutionManager({});
  });

  it('is so many bytes of requests that are not answered', async () => {
    const { promise: release, resolve: onRelease } = Promise.withResolvers<never>();
    const host = 'x'.repeat(60_000);
    behaviours[host] = () => release;
    const client = clientOf(await start({ maxRequestBytes: 100_000 }));
    const first = client.registerExecutionManager({ host });
    const second = await failureOf(client.registerExecutionManager({ host }));
    expect(second).toMatchObject({
      code: 'resource-exhausted',
      message: 'requests of more than 100000 bytes are being answered, the limit',
    });
    await client.registerExecutionManager({ host: 'x'.repeat(1_000) });
    onRelease(undefined as never);
    await first;
    // The server lets go of it a little after the answer.
    for (;;) {
      const outcome: unknown = await client
        .registerExecutionManager({ host })
        .catch((error: unknown) => error);
      if (!(outcome instanceof Error)) break;
    }
  });

  it('is nothing of a call that it has answered, though its client would go on', async () => {
    const clock = new ManualClock();
    const server = await start({ clock });
    const session = connectHttp2(server.url);
    const request = session.request({
      ':method': 'POST',
      ':path': '/spider.v1.WorkerService/Exchange',
      'content-type': 'application/grpc',
    });
    request.on('error', () => {});
    request.resume();
    // A message that is none; the stream stays open from here.
    request.write(Buffer.from('0000000001ff', 'hex'));
    const closed = once(request, 'close');
    await once(request, 'end');
    // It listens to nothing more for some seconds, then not even to that.
    clock.advance(9_999);
    expect(request.closed).toBe(false);
    clock.advance(1);
    await closed;
    session.destroy();
  });
});

describe('a client that talks nonsense', () => {
  it.each([
    ['HTTP/1.1', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['no protocol at all', Buffer.alloc(5_000, 0x7f)],
    ['bad frames', Buffer.concat([Buffer.from(PREFACE), Buffer.alloc(500, 0xff)])],
  ])('in %s loses its connection alone', async (_, bytes) => {
    const server = await start();
    const socket: Socket = connectTcp(server.port, '127.0.0.1');
    socket.on('error', () => {}).resume();
    const closed = once(socket, 'close');
    socket.write(bytes);
    await closed;

    expect(await answers(server)).toBe(true);
  });

  const METHOD = '/spider.v1.WorkerService/RegisterExecutionManager';
  const EXCHANGE = '/spider.v1.WorkerService/Exchange';
  const EMPTY_MESSAGE = '0000000000';

  const NONSENSE: readonly (readonly [string, Record<string, string>, string, RegExp])[] = [
    ['an authority that is none', { ':authority': '%%% bad' }, EMPTY_MESSAGE, /PROTOCOL_ERROR/],
    ['no authority', { ':authority': '' }, EMPTY_MESSAGE, /PROTOCOL_ERROR/],
    ['a path that is none', { ':path': '//[::' }, EMPTY_MESSAGE, /^12$/],
    ['the wrong verb', { ':method': 'GET' }, '', /^405$/],
    ['another kind of content', { 'content-type': 'text/plain' }, EMPTY_MESSAGE, /^415$/],
    ['an encoding that we do not have', { 'grpc-encoding': 'snappy' }, EMPTY_MESSAGE, /^12$/],
    ['a bad timeout', { 'grpc-timeout': 'soon' }, EMPTY_MESSAGE, /^3$/],
    ['a bad envelope', {}, 'deadbeefdeadbeef', /^8$/],
    ['a message that is none', {}, '0000000003ffffff', /^13$/],
    ['a compressed message', {}, '0100000003ffffff', /^13$/],
    ['two messages for one', {}, EMPTY_MESSAGE + EMPTY_MESSAGE, /^12$/],
    ['half a message', {}, '00000000ff00', /^3$/],
    ['a streamed message that is none', { ':path': EXCHANGE }, '0000000001ff', /^3$/],
  ];
  /** A call with a deadline is answered by connect. */
  const DEADLINE = { 'grpc-timeout': '60S' };

  it.each([
    ...NONSENSE,
    ...NONSENSE.map(
      ([name, headers, body, expected]) =>
        [`${name}, and a deadline,`, { ...DEADLINE, ...headers }, body, expected] as const,
    ),
  ])('with %s gets an error', async (_, headers, body, expected) => {
    const server = await start();
    const session = connectHttp2(server.url);
    session.on('error', () => {});
    const request = session.request(
      { ':method': 'POST', ':path': METHOD, 'content-type': 'application/grpc', ...headers },
      { endStream: body === '' },
    );
    const closed = Promise.withResolvers<void>();
    let status = '';
    request.on('response', (fields) => {
      status = String(
        fields[':status'] === 200 ? (fields['grpc-status'] ?? '') : fields[':status'],
      );
    });
    request.on('trailers', (fields: IncomingHttpHeaders) => {
      status ||= String(fields['grpc-status']);
    });
    request.on('error', (error: Error) => {
      status = error.message;
    });
    request.on('close', () => closed.resolve());
    request.resume();
    if (body !== '') request.end(Buffer.from(body, 'hex'));
    await closed.promise;
    session.destroy();

    expect(status).toMatch(expected);
    expect(logger.messages('error')).toEqual([]);
    expect(await answers(server)).toBe(true);
  });

  it('or leaves in the middle of a message is forgotten', async () => {
    const server = await start();
    const session = connectHttp2(server.url);
    const request = session.request({
      ':method': 'POST',
      ':path': METHOD,
      'content-type': 'application/grpc',
    });
    request.on('error', () => {});
    request.write(Buffer.from('0000', 'hex'));
    await once(session, 'remoteSettings');
    session.destroy();

    expect(await answers(server)).toBe(true);
    await server.close();
    expect(logger.messages('error')).toEqual([]);
  });
});

describe('the end of a server', () => {
  it('comes at once when nothing runs, also with clients connected', async () => {
    const clock = new ManualClock();
    const server = await start({ clock });
    await answers(server);
    await server.close();

    expect(await failureOf(clientOf(server).registerExecutionManager({}))).toMatchObject({
      code: 'unavailable',
    });
    expect(clock.pendingTimers).toBe(0);
  });

  it('is not held up by what a client has sent to a stream that had ended', async () => {
    const clock = new ManualClock();
    const { promise: reading, resolve: onReading } = Promise.withResolvers<void>();
    const { promise: sent, resolve: onSent } = Promise.withResolvers<void>();
    const server = await start({
      clock,
      routes: (router) =>
        router.service(WorkerService, {
          exchange: async function* (requests) {
            for await (const request of requests) {
              onReading();
              await sent;
              yield create(ExchangeResponseSchema, {
                flushedReportSequence: request.reportSequence,
              });
              throw new SpiderError('failed-precondition', 'enough');
            }
          },
        }),
    });
    const session = connectHttp2(server.url);
    const request = session.request({
      ':method': 'POST',
      ':path': '/spider.v1.WorkerService/Exchange',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    request.resume();
    request.write(Buffer.alloc(5));
    await reading;
    // More than is read ahead.
    for (let chunk = 0; chunk < 10; chunk++) {
      request.write(Buffer.alloc(5 * 4_000));
      const turn = Promise.withResolvers<void>();
      setImmediate(turn.resolve);
      await turn.promise;
    }
    request.end();
    session.ping(() => onSent());
    await once(request, 'trailers');
    const closed = once(session, 'close');
    // Time stands still, so the grace does not end.
    await server.close();
    await closed;
    expect(request.closed).toBe(true);
  });

  it('aborts the calls that run, and cuts off those that do not care', async () => {
    const clock = new ManualClock();
    const server = await start({ clock });
    const { promise: running, resolve: onRunning } = Promise.withResolvers<void>();
    behaviours['deaf'] = () => {
      onRunning();
      return new Promise<never>(() => {});
    };
    const failure = failureOf(clientOf(server).registerExecutionManager({ host: 'deaf' }));
    await running;
    const closed = server.close({ graceMs: 500 });
    clock.advance(499);
    clock.advance(1);

    await closed;
    expect(await failure).toMatchObject({ code: 'unavailable' });
  });

  it('does not wait for a client that does not hang up', async () => {
    const clock = new ManualClock();
    const server = await start({ clock });
    const socket = await deafClient(server);
    const closed = server.close({ graceMs: 500 });
    await hungUpOn(socket);
    clock.advance(500);

    await closed;
    expect(clock.pendingTimers).toBe(0);
  });

  it('is the same for everybody who asks for it', async () => {
    const server = await start();

    expect(server.close()).toBe(server.close());
    await server[Symbol.asyncDispose]();
  });
});

describe('a connection whose other end has frozen', () => {
  it('makes room for others after a while, also if that end had said that it goes', async () => {
    const clock = new ManualClock();
    const server = await start({ clock, maxConnections: 1 });
    const socket = await deafClient(server);
    // GOAWAY, of stream 0, with nothing to blame.
    socket.write(Buffer.from('0000080700000000000000000000000000', 'hex'));
    await hungUpOn(socket);
    clock.advance(5_000);
    clock.advance(5_000);

    expect(clock.pendingTimers).toBe(0);
    expect(await answers(server)).toBe(true);
  });

  it('is found by the server, which closes its streams', async () => {
    const clock = new ManualClock();
    const opened = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<SpiderError | undefined>();
    const server = await start({
      clock,
      routes: (router) =>
        router.service(WorkerService, {
          exchange: (requests, context) =>
            handleStream(requests, context, () => ({
              onMessage: () => opened.resolve(),
              onClose: closed.resolve,
            })),
        }),
    });
    const proxy = stack.use(await startTcpProxy(server.port));
    const client = createClient(WorkerService, stack.use(createTransport({ url: proxy.url })));
    openStream(client.exchange, { onMessage() {}, onClose() {} }).send({});
    await opened.promise;
    proxy.freeze();
    clock.advance(5_000);
    expect(clock.pendingTimers).toBe(1);
    clock.advance(5_000);

    expect(await closed.promise).toMatchObject({ message: 'the client went away' });
    expect(clock.pendingTimers).toBe(0);
  });
});
