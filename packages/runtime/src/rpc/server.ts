import { setMaxListeners } from 'node:events';
import {
  constants,
  createSecureServer,
  createServer,
  Http2ServerRequest,
  type Http2SecureServer,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerOptions,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';

import { Code, ConnectError, createConnectRouter, type ConnectRouter } from '@connectrpc/connect';
import { LIMITS, SpiderError } from '@spider/core';

import type { Clock } from '../clock.ts';
import { silentLogger, type Logger } from '../logger.ts';
import { systemClock } from '../node/system-clock.ts';
import { guardInterceptor, type CallGuard } from './call-guard.ts';
import { endpointUrl } from './endpoint.ts';
import { answerTo, errorInterceptor } from './error-interceptor.ts';
import { GrpcResponse } from './grpc-response.ts';
import { GrpcServer } from './grpc/grpc-server.ts';
import { noteMethods, type ServedMethod } from './grpc/served-method.ts';
import type { ServerCall } from './grpc/server-call.ts';
import type { Health } from './health.ts';
import { CONNECTION_WINDOW_BYTES, HTTP2_OPTIONS } from './http2-options.ts';
import { createRequestListener, type RequestListener } from './request-listener.ts';
import type { Peer } from './peer.ts';
import { RequestBudget } from './request-budget.ts';
import { SessionWatch } from './session-watch.ts';
import { filesOf, readServerTls, type ServerTls, tlsServerOptions } from './tls/server-tls.ts';

/** What a server answers. */
export interface ServedRoutes {
  /** Registers the services; none by default. */
  readonly routes?: (router: ConnectRouter) => void;
  /** What calls pass on their way to the services; none by default. */
  readonly guards?: readonly CallGuard[];
  /** Why this server cannot do now what it has no service for; by default there is no such method. */
  readonly unavailable?: string;
  /**
   * Asked at each call: why this server answers none just now, if it does not. Its health is told
   * all the same.
   */
  readonly paused?: () => string | undefined;
}

export interface RpcServerOptions extends ServedRoutes {
  /** The address to listen at; `127.0.0.1` by default. */
  readonly host?: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Encrypts, and may ask clients for certificates; plain text by default. */
  readonly tls?: ServerTls | undefined;
  readonly logger?: Logger;
  /** Also answers by `grpc.health.v1`, with this. */
  readonly health?: Health;
  /** The largest message that is read; `LIMITS.messageBytes` by default. */
  readonly readMaxBytes?: number;
  /** Connections at a time, 10,000 by default. What is over is told so and closed. */
  readonly maxConnections?: number;
  /** Calls that a client may have open at once; 1,000 by default. */
  readonly maxStreamsPerConnection?: number;
  /**
   * Bytes of all unary requests that have arrived and are not answered; 1 GiB by default. What is over
   * is answered RESOURCE_EXHAUSTED.
   */
  readonly maxRequestBytes?: number;
  /** A connection that is quiet for so long is asked whether it lives; 5,000 by default. */
  readonly pingIntervalMs?: number;
  /** A connection that hasn't answered by then is dead and all on it fails; 5,000 by default. */
  readonly pingTimeoutMs?: number;
  readonly clock?: Clock;
}

export interface RpcServer extends AsyncDisposable {
  /** Where the server is reached from this machine, with the port that it really has. */
  readonly url: string;
  readonly port: number;
  /** Answers these from now on, and nothing else. Calls that are under way go on. */
  serve(routes: ServedRoutes): void;
  /** The files of TLS; none without it. */
  readonly tlsFiles: readonly string[];
  /**
   * Reads the files of TLS anew, for connections from now on.
   *
   * @throws SpiderError if they cannot be used; the former ones stay.
   */
  reloadTls(): Promise<void>;
  /**
   * Takes no new connections or calls and aborts the contexts of those that run, whose clients get
   * 'unavailable'. What is still open after the grace, 1,000 ms by default, is cut off.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Serves gRPC and Connect clients on HTTP/2.
 *
 * @throws SpiderError 'failed-precondition' if the address can't be listened at; another one if the
 * files of TLS can't be used.
 */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const { host = '127.0.0.1', port = 0, tls } = options;
  const server = new NodeRpcServer(options, tls && (await readServerTls(tls)));
  await server.listen(host, port);
  return server;
}

const GIB = 1024 ** 3;

/** What answers calls: those of gRPC as our clients make them, and all others. */
interface Answers {
  readonly grpc: GrpcServer;
  readonly listener: RequestListener;
}

class NodeRpcServer implements RpcServer {
  readonly #server: Http2Server | Http2SecureServer;
  readonly #sessions = new Map<Http2Session, SessionWatch>();
  readonly #shutdown = new AbortController();
  readonly #calls = new Set<ServerCall>();
  readonly #clock: Clock;
  readonly #pings: { readonly intervalMs: number; readonly timeoutMs: number };
  readonly #options: RpcServerOptions;
  readonly #budget: RequestBudget;
  #isFull = false;
  /** The latest connection; its session begins at once. */
  #arrived: Socket | undefined;
  readonly #logger: Logger;
  #answers: Answers;
  #url = '';
  #port = 0;
  #closed: Promise<void> | undefined;

  constructor(options: RpcServerOptions, context: SecureContextOptions | undefined) {
    const { maxStreamsPerConnection = 1_000 } = options;
    const { pingIntervalMs = 5_000, pingTimeoutMs = 5_000 } = options;
    this.#options = options;
    this.#budget = new RequestBudget(options.maxRequestBytes ?? GIB);
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    this.#pings = { intervalMs: pingIntervalMs, timeoutMs: pingTimeoutMs };
    // Every open call listens to it.
    setMaxListeners(0, this.#shutdown.signal);
    this.#answers = this.#answersOf(options);
    const settings = { ...HTTP2_OPTIONS.settings, maxConcurrentStreams: maxStreamsPerConnection };
    this.#server = createHttp2Server({ ...HTTP2_OPTIONS, settings }, options.tls, context);
    this.#server.on(
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]) =>
        this.#answer(stream, headers, raw),
    );
    // Before the listener that makes a session of it.
    const arrival = options.tls === undefined ? 'connection' : 'secureConnection';
    this.#server.prependListener(arrival, (socket: Socket) => {
      this.#arrived = socket;
    });
    this.#server.on('session', (session: ServerHttp2Session) =>
      this.#welcome(session, this.#arrived as Socket),
    );
    // What a client does to its connection is nothing to report, and must not stop the server.
    this.#server.on('sessionError', () => undefined);
    this.#server.on('tlsClientError', (error: Error) =>
      this.#logger.debug('a TLS handshake has failed', { error }),
    );
  }

  get url(): string {
    return this.#url;
  }

  get port(): number {
    return this.#port;
  }

  async listen(host: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: Error): void =>
        reject(
          new SpiderError('failed-precondition', `cannot listen: ${cause.message}`, { cause }),
        );
      this.#server.once('error', refuse);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', refuse);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
    const scheme = this.#options.tls === undefined ? 'http' : 'https';
    this.#url = endpointUrl({ host: reachableHost(host), port: this.#port }, scheme);
  }

  serve(routes: ServedRoutes): void {
    this.#answers = this.#answersOf(routes);
  }

  get tlsFiles(): readonly string[] {
    const { tls } = this.#options;
    return tls === undefined ? [] : filesOf(tls);
  }

  async reloadTls(): Promise<void> {
    const { tls } = this.#options;
    if (tls === undefined || !('setSecureContext' in this.#server)) return;
    this.#server.setSecureContext(await readServerTls(tls));
  }

  close(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(options.graceMs ?? 1_000);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #answer(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
  ): void {
    const { grpc, listener } = this.#answers;
    if (grpc.take(stream, headers)) return;
    const request = new Http2ServerRequest(stream, headers, {}, rawHeaders);
    listener(request, new GrpcResponse(stream));
  }

  #answersOf({ routes, unavailable, paused, guards = [] }: ServedRoutes): Answers {
    const readMaxBytes = this.#options.readMaxBytes ?? LIMITS.messageBytes;
    const logger = this.#logger;
    const clock = this.#clock;
    const budget = this.#budget;
    const router = createConnectRouter({
      acceptCompression: [],
      binaryOptions: { readUnknownFields: false },
      grpcWeb: false,
      interceptors: [errorInterceptor(logger), ...guards.map(guardInterceptor)],
      readMaxBytes,
      shutdownSignal: this.#shutdown.signal,
    });
    const methods = new Map<string, ServedMethod>();
    const noting = noteMethods(router, methods);
    this.#options.health?.routes(noting);
    routes?.(noting);
    const toAnswer = (error: unknown, method: string): ConnectError =>
      answerTo(error, method, logger);
    const calls = this.#calls;
    const peerAt = (session: Http2Session): Peer | undefined => this.#sessions.get(session);
    const shared = { clock, budget, peerAt, paused };
    return {
      grpc: new GrpcServer({ ...shared, methods, readMaxBytes, guards, toAnswer, calls }),
      listener: createRequestListener(router, { ...shared, logger, unavailable }),
    };
  }

  async #close(graceMs: number): Promise<void> {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    const stopping = new ConnectError('the server is stopping', Code.Unavailable);
    this.#shutdown.abort(stopping);
    for (const call of this.#calls) call.abort(stopping);
    for (const session of this.#sessions.keys()) session.close();
    const grace = this.#clock.setTimer(graceMs, () => {
      for (const watch of this.#sessions.values()) watch.cut();
    });
    await closed;
    grace.cancel();
  }

  #refuse(session: ServerHttp2Session, reason: string): void {
    session.on('error', () => undefined);
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from(reason));
    session.destroy();
    // Once is enough for whoever reads along.
    if (!this.#isFull) this.#logger.warn('connections are refused', { reason });
    this.#isFull = true;
  }

  #welcome(session: ServerHttp2Session, socket: Socket): void {
    const { maxConnections = 10_000 } = this.#options;
    if (this.#sessions.size >= maxConnections) {
      this.#refuse(session, `${maxConnections} connections are open, the limit`);
      return;
    }
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    const onDead = (): void => watch.cut();
    const watch = new SessionWatch(session, socket, this.#clock, { ...this.#pings, onDead });
    this.#sessions.set(session, watch);
    session.once('close', () => {
      this.#sessions.delete(session);
      this.#isFull = false;
    });
    if (this.#closed !== undefined) session.close();
  }
}

function createHttp2Server(
  options: ServerOptions,
  tls: ServerTls | undefined,
  context: SecureContextOptions | undefined,
): Http2Server | Http2SecureServer {
  if (tls === undefined) return createServer(options);
  return createSecureServer({ ...options, ...context, ...tlsServerOptions(tls) });
}

/** An address that means "all of this machine's" is no place to connect to. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
