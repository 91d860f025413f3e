import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type ClientHttp2Stream,
} from 'node:http2';
import type { OutgoingHttpHeaders } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import { Code, ConnectError } from '@connectrpc/connect';

import type { Clock } from '../clock.ts';
import { CONNECTION_WINDOW_BYTES, HTTP2_OPTIONS } from './http2-options.ts';
import { SessionWatch } from './session-watch.ts';
import { type ClientTls, openTlsSocket } from './tls/client-tls.ts';
import { explainTlsError } from './tls/explain-tls-error.ts';

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** For origins of https. */
  readonly tls: ClientTls;
  /** What each request brings beside its own fields; asked at each. */
  readonly headers: (() => Promise<OutgoingHttpHeaders>) | undefined;
}

/**
 * One HTTP/2 connection at a time, opened when a request needs it. It stands in for connect-node's
 * session manager, whose process ends with an unhandled error when a peer that has frozen meets a
 * new request, and which can't tell a connection that broke from a call that was cancelled.
 */
export class ClientConnection {
  /** The server's origin, under the name that connect-node asks for. */
  readonly authority: string;
  readonly #options: ConnectionOptions;
  #session: Promise<LiveSession> | undefined;

  constructor(url: string, options: ConnectionOptions) {
    this.authority = new URL(url).origin;
    this.#options = options;
  }

  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
  ): Promise<ClientHttp2Stream> {
    const { headers: common } = this.#options;
    const all = common === undefined ? headers : { ...(await common()), ...headers };
    const session = await this.#open();
    return session.request({ ...all, ':method': method, ':path': path });
  }

  /** Nothing to do: pings, not silence, decide whether a connection lives. */
  notifyResponseByteRead(): void {}

  /** Asks the peer whether it lives, and calls back if it does. */
  ping(onAnswer: () => void): void {
    this.#session?.then(
      (live) => live.ping(onAnswer),
      () => undefined,
    );
  }

  /** Breaks the connection, and with it all requests. */
  close(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.then(
      (live) => live.destroy(new ConnectError('the transport was closed', Code.Canceled)),
      () => undefined,
    );
  }

  async #open(): Promise<LiveSession> {
    const known = this.#session;
    if (known !== undefined) {
      const live = await known;
      if (live.isOpen) return live;
      // Somebody else may have noticed first.
      if (this.#session !== known && this.#session !== undefined) return this.#open();
    }
    const opening = LiveSession.connect(this.authority, this.#options);
    this.#session = opening;
    try {
      return await opening;
    } catch (error) {
      if (this.#session === opening) this.#session = undefined;
      throw error;
    }
  }
}

class LiveSession {
  readonly #session: ClientHttp2Session;
  readonly #watch: SessionWatch;
  readonly #streams = new Set<ClientHttp2Stream>();

  static async connect(authority: string, options: ConnectionOptions): Promise<LiveSession> {
    const socket = await openSocket(authority, options.tls);
    const { promise, resolve, reject } = Promise.withResolvers<LiveSession>();
    const fail = (error: Error): void => {
      reject(connectError(authority, error));
    };
    const deadline = options.clock.setTimer(options.connectTimeoutMs, () =>
      socket.destroy(new Error(`no answer within ${options.connectTimeoutMs} ms`)),
    );
    // Listens before the session does, so that streams learn the reason first.
    const session: { live?: LiveSession } = {};
    const lose = (): void => {
      const lost = unavailable(`the connection to ${authority} was lost`);
      session.live?.failStreams(lost);
      reject(
        isTls(socket) && session.live !== undefined ? unavailable(unwelcome(authority)) : lost,
      );
    };
    socket.once('error', (error) => {
      fail(error);
      lose();
    });
    socket.once('close', lose);
    socket.once(isTls(socket) ? 'secureConnect' : 'connect', () => {
      const http2 = connectHttp2(authority, { ...HTTP2_OPTIONS, createConnection: () => socket });
      session.live = new LiveSession(http2, socket, authority, options);
      // The kernel accepts connections for a peer that stands still; only the peer itself says this.
      http2.once('remoteSettings', () => session.live && resolve(session.live));
      http2.once('error', fail);
    });
    try {
      return await promise;
    } finally {
      deadline.cancel();
    }
  }

  private constructor(
    session: ClientHttp2Session,
    socket: Socket,
    authority: string,
    options: ConnectionOptions,
  ) {
    this.#session = session;
    // Its streams bear the news; without a listener the error would stop the process.
    session.on('error', () => undefined);
    session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
    // Whoever opens it waits until then.
    session.once('remoteSettings', () => this.#holdProcess());
    this.#watch = new SessionWatch(session, socket, options.clock, {
      intervalMs: options.pingIntervalMs,
      timeoutMs: options.pingTimeoutMs,
      onDead: () =>
        this.destroy(unavailable(`${authority} did not answer within ${options.pingTimeoutMs} ms`)),
    });
  }

  get isOpen(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.#session.request(headers);
    stream.on('error', () => undefined);
    this.#streams.add(stream);
    this.#holdProcess();
    stream.once('close', () => {
      this.#streams.delete(stream);
      this.#holdProcess();
    });
    return stream;
  }

  ping(onAnswer: () => void): void {
    this.#watch.ping(onAnswer);
  }

  failStreams(reason: ConnectError): void {
    for (const stream of this.#streams) stream.destroy(reason);
  }

  destroy(reason: ConnectError): void {
    this.failStreams(reason);
    this.#watch.cut();
  }

  /** Requests keep the process alive, an idle connection doesn't. */
  #holdProcess(): void {
    if (this.#session.destroyed) return;
    if (this.#streams.size > 0) this.#session.ref();
    else this.#session.unref();
  }
}

async function openSocket(authority: string, tls: ClientTls): Promise<Socket> {
  const { hostname, port, protocol } = new URL(authority);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  if (protocol === 'https:') {
    return await openTlsSocket({ host, port: port === '' ? 443 : Number(port) }, tls);
  }
  return connectTcp({ host, port: port === '' ? 80 : Number(port), noDelay: true });
}

const isTls = (socket: Socket): boolean => socket instanceof TLSSocket;

/** A server may end the connection when it has seen the client's certificate, without a word. */
const unwelcome = (authority: string): string =>
  `${authority} has closed the connection before it began: it may want a certificate of this side, or ` +
  'another one (cert_file, key_file)';

/** That a server is not to be trusted does not change when it is asked again. */
function connectError(authority: string, error: Error): ConnectError {
  const explanation = explainTlsError(error);
  const message = `cannot connect to ${authority}: ${explanation ?? error.message}`;
  if (explanation === undefined) return unavailable(message, error);
  return new ConnectError(message, Code.PermissionDenied, undefined, undefined, error);
}

function unavailable(message: string, cause?: Error): ConnectError {
  return new ConnectError(message, Code.Unavailable, undefined, undefined, cause);
}
