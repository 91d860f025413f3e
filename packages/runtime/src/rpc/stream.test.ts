import { createClient, type Client, type Transport } from '@connectrpc/connect';
import { create } from '@bufbuild/protobuf';
import { invalidArgument, LIMITS, SpiderError } from '@spider/core';
import {
  ExchangeRequestSchema,
  ExchangeResponseSchema,
  JobService,
  WatchJobResponseSchema,
  WorkerService,
  type ExchangeRequest,
  type ExchangeResponse,
  type WatchJobResponse,
} from '@spider/proto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { RecordingLogger } from '../testing.ts';
import { createInMemoryTransport } from './in-memory-transport.ts';
import { startRpcServer } from './server.ts';
import type { RpcStream, RpcStreamCallbacks } from './stream-ends.ts';
import { handleStream, openStream, pushStream } from './stream.ts';
import { createTransport } from './transport.ts';

type Reason = SpiderError | undefined;
type Handler = (stream: RpcStream<ExchangeResponse>) => RpcStreamCallbacks<ExchangeRequest>;

const request = (reportSequence: bigint): ExchangeRequest =>
  create(ExchangeRequestSchema, { reportSequence });
const response = (flushedReportSequence: bigint): ExchangeResponse =>
  create(ExchangeResponseSchema, { flushedReportSequence });

/** Answers each message with its number. */
const echo: Handler = (stream) => ({
  onMessage: (message) => stream.send(response(message.reportSequence)),
  onClose() {},
});

let logger: RecordingLogger;
let handler: Handler;
let watch: (stream: RpcStream<WatchJobResponse>) => { onClose(reason: Reason): void };
let stack: AsyncDisposableStack;

const routes: Parameters<typeof createInMemoryTransport>[0] = (router) => {
  router.service(WorkerService, {
    exchange: (requests, context) =>
      handleStream(requests, context, (stream) => handler(stream), { logger }),
  });
  router.service(JobService, {
    watchJob: (_, context) => pushStream(context, (stream) => watch(stream), { logger }),
  });
};

/** Opens a stream and gathers what comes, until it closes. */
function converse(
  client: Client<typeof WorkerService>,
  onMessage: (message: ExchangeResponse, stream: RpcStream<ExchangeRequest>) => void,
  rest: Partial<RpcStreamCallbacks<ExchangeResponse>> = {},
): { stream: RpcStream<ExchangeRequest>; closed: Promise<Reason>; closes: Reason[] } {
  const { promise: closed, resolve } = Promise.withResolvers<Reason>();
  const closes: Reason[] = [];
  const stream: RpcStream<ExchangeRequest> = openStream(
    (requests: AsyncIterable<ExchangeRequest>, options) => client.exchange(requests, options),
    {
      ...rest,
      onMessage: (message) => onMessage(message, stream),
      onClose: (reason) => {
        closes.push(reason);
        resolve(reason);
      },
    },
    { logger },
  );
  return { stream, closed, closes };
}

/** Lets the server's side tell when it was closed, and why. */
function reportClose(inner: Handler): Promise<Reason> {
  const { promise, resolve } = Promise.withResolvers<Reason>();
  handler = (stream) => ({ ...inner(stream), onClose: resolve });
  return promise;
}

beforeEach(() => {
  stack = new AsyncDisposableStack();
  logger = new RecordingLogger();
  handler = echo;
});
afterEach(() => stack.disposeAsync());

async function overSocket(): Promise<Transport> {
  const server = stack.use(await startRpcServer({ routes, logger }));
  return stack.use(createTransport({ url: server.url }));
}

async function inMemory(): Promise<Transport> {
  return createInMemoryTransport(routes, { logger });
}

describe.each([
  ['over a socket', overSocket],
  ['in memory', inMemory],
])('a bidirectional stream %s', (_, connect) => {
  let client: Client<typeof WorkerService>;

  beforeEach(async () => {
    client = createClient(WorkerService, await connect());
  });

  it('carries messages both ways, in order, and ends when the client is done', async () => {
    const serverClosed = reportClose(echo);
    const received: bigint[] = [];
    const { stream, closed } = converse(client, (message) => {
      received.push(message.flushedReportSequence);
      if (message.flushedReportSequence === 99n) stream.end();
    });
    for (let number = 0n; number < 100n; number++) stream.send(request(number));

    expect(await closed).toBeUndefined();
    expect(await serverClosed).toBeUndefined();
    expect(received).toEqual(Array.from({ length: 100 }, (_, number) => BigInt(number)));
    expect(stream.send(request(0n))).toBe(false);
  });

  it('lets the server say its last words after the client is done', async () => {
    handler = (stream) => ({
      ...echo(stream),
      onPeerEnd: () => {
        stream.send(response(7n));
        stream.end();
      },
    });
    const received: bigint[] = [];
    const { stream, closed } = converse(client, (message) => {
      received.push(message.flushedReportSequence);
    });
    stream.send(request(1n));
    stream.end();

    expect(await closed).toBeUndefined();
    expect(received).toEqual([1n, 7n]);
  });

  it('is read only as fast as the server is ready for more', async () => {
    const [gate, taken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const numbers: bigint[] = [];
    handler = () => ({
      onMessage: (message) => {
        numbers.push(message.reportSequence);
        taken.resolve();
      },
      whenReady: () => (numbers.length === 1 ? gate.promise : undefined),
      onClose() {},
    });
    const { stream, closed } = converse(client, () => {});
    for (let number = 1n; number <= 3n; number++) stream.send(request(number));
    stream.end();
    await taken.promise;
    expect(numbers).toEqual([1n]);
    gate.resolve();
    expect(await closed).toBeUndefined();
    expect(numbers).toEqual([1n, 2n, 3n]);
  });

  it('ends for the client when the server ends it', async () => {
    const serverClosed = reportClose((stream) => ({
      ...echo(stream),
      onMessage: () => stream.end(),
    }));
    const { stream, closed } = converse(client, () => {});
    stream.send(request(1n));

    expect(await closed).toBeUndefined();
    expect(await serverClosed).toBeUndefined();
  });

  it('tells both sides, once, when the client cancels', async () => {
    const serverClosed = reportClose(echo);
    const received: bigint[] = [];
    const { stream, closed, closes } = converse(client, (message) => {
      received.push(message.flushedReportSequence);
      stream.cancel(invalidArgument('changed my mind'));
      expect(closes).toEqual([]);
      stream.cancel();
    });
    for (let number = 0n; number < 100n; number++) stream.send(request(number));

    expect(await closed).toMatchObject({ code: 'invalid-argument', message: 'changed my mind' });
    await serverClosed;
    expect(received).toEqual([0n]);
    expect(closes).toHaveLength(1);
    expect(stream.send(request(0n))).toBe(false);
  });

  it('tells the client why the server cancels, and drops what was pending', async () => {
    const serverClosed = reportClose((stream) => ({
      ...echo(stream),
      onMessage: () => {
        stream.send(response(1n));
        stream.send(response(2n));
        stream.cancel(new SpiderError('failed-precondition', 'another took your place'));
      },
    }));
    const { stream, closed } = converse(client, () => {});
    stream.send(request(1n));

    const reason = { code: 'failed-precondition', message: 'another took your place' };
    expect(await closed).toMatchObject(reason);
    expect(await serverClosed).toMatchObject(reason);
  });

  it('answers a SpiderError that the server throws over a message', async () => {
    const serverClosed = reportClose((stream) => ({
      ...echo(stream),
      onMessage: () => {
        throw invalidArgument('hello: is missing');
      },
    }));
    const { stream, closed } = converse(client, () => {});
    stream.send(request(1n));

    expect(await closed).toMatchObject({ code: 'invalid-argument', message: 'hello: is missing' });
    expect(await serverClosed).toMatchObject({ code: 'invalid-argument' });
    expect(logger.lines).toEqual([]);
  });

  it("keeps a bug in the server's handler to the log and to this stream", async () => {
    handler = (stream) => ({
      ...echo(stream),
      onMessage: (message) => {
        if (message.reportSequence === 0n) throw new TypeError('secret detail');
        stream.send(response(message.reportSequence));
      },
    });
    const failing = converse(client, () => {});
    const sound = converse(client, () => sound.stream.end());
    failing.stream.send(request(0n));

    expect(await failing.closed).toMatchObject({ code: 'internal', message: 'internal error' });
    expect(logger.messages('error')).toContain('a stream handler failed');
    sound.stream.send(request(1n));
    expect(await sound.closed).toBeUndefined();
  });

  it('survives a handler that fails to clean up', async () => {
    handler = (stream) => ({
      ...echo(stream),
      onClose: () => {
        throw new TypeError('cannot clean up');
      },
    });
    const { stream, closed } = converse(client, () => stream.end());
    stream.send(request(1n));

    expect(await closed).toBeUndefined();
    expect(logger.messages('error')).toEqual(['a stream handler failed in onClose']);
  });

  it('answers what the handler throws at the start', async () => {
    handler = () => {
      throw new SpiderError('unavailable', 'not started yet');
    };
    const { closed } = converse(client, () => {});

    expect(await closed).toMatchObject({ code: 'unavailable', message: 'not started yet' });
  });

  it("gives the client's own failure over a message to its onClose", async () => {
    const { stream, closed } = converse(client, () => {
      throw new TypeError('a bug of mine');
    });
    stream.send(request(1n));

    expect(await closed).toMatchObject({ code: 'internal' });
    expect(logger.lines[0]?.fields['error']).toMatchObject({ message: 'a bug of mine' });
  });

  it('asks for more when everything is on its way', async () => {
    let next = 0n;
    const received: bigint[] = [];
    const { stream, closed } = converse(
      client,
      (message) => {
        received.push(message.flushedReportSequence);
        if (received.length === 3) stream.end();
      },
      {
        onDrained: () => {
          if (next < 3n) stream.send(request(next++));
        },
      },
    );

    expect(await closed).toBeUndefined();
    expect(received).toEqual([0n, 1n, 2n]);
  });
});

describe('a stream on which only the server speaks', () => {
  it('brings what the server pushes until it ends', async () => {
    const client = createClient(JobService, await overSocket());
    const { promise: serverClosed, resolve: onServerClose } = Promise.withResolvers<Reason>();
    watch = (stream) => {
      for (let jobId = 1n; jobId <= 3n; jobId++) {
        stream.send(create(WatchJobResponseSchema, { status: { jobId } }));
      }
      stream.end();
      return { onClose: onServerClose };
    };
    const received: (bigint | undefined)[] = [];
    for await (const message of client.watchJob({ jobId: 1n })) {
      received.push(message.status?.jobId);
    }

    expect(received).toEqual([1n, 2n, 3n]);
    expect(await serverClosed).toBeUndefined();
  });

  it('tells the server when the client has lost interest', async () => {
    const client = createClient(JobService, await overSocket());
    const { promise: serverClosed, resolve: onServerClose } = Promise.withResolvers<Reason>();
    watch = (stream) => {
      stream.send(create(WatchJobResponseSchema, {}));
      return { onClose: onServerClose };
    };
    const stream = openStream((_: AsyncIterable<never>, options) => client.watchJob({}, options), {
      onMessage: () => stream.cancel(),
      onClose() {},
    });

    expect(await serverClosed).toMatchObject({ message: 'the client went away' });
  });
});

describe('a stream whose other end is in trouble', () => {
  it('closes as unavailable when the server stops', async () => {
    const server = await startRpcServer({ routes });
    const client = createClient(WorkerService, stack.use(createTransport({ url: server.url })));
    const serverClosed = reportClose(echo);
    const { stream, closed } = converse(client, () => void server.close());
    stream.send(request(1n));

    const reason = { code: 'unavailable', message: 'the server is stopping' };
    expect(await closed).toMatchObject(reason);
    expect(await serverClosed).toMatchObject(reason);
  });

  it('closes at the server when the connection breaks', async () => {
    const server = stack.use(await startRpcServer({ routes }));
    const transport = createTransport({ url: server.url });
    const serverClosed = reportClose(echo);
    const { stream, closed } = converse(createClient(WorkerService, transport), () =>
      transport.close(),
    );
    stream.send(request(1n));

    expect(await serverClosed).toMatchObject({ message: 'the client went away' });
    expect(await closed).toMatchObject({ message: 'the transport was closed' });
  });

  it('closes when its peer does not read, before the messages pile up', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<Reason>();
    const never = new Promise<IteratorResult<never>>(() => {});
    const deaf = { [Symbol.asyncIterator]: () => ({ next: () => never }) };
    const stream = openStream<never, number>(() => deaf, { onMessage() {}, onClose: resolve });
    for (let message = 0; message < LIMITS.pendingMessages; message++) stream.send(message);
    expect(stream.pending).toBe(LIMITS.pendingMessages);
    stream.send(0);

    expect(await closed).toMatchObject({
      code: 'resource-exhausted',
      message: `the peer does not read: ${LIMITS.pendingMessages} messages wait for it`,
    });
  });
});
