import type { Transport } from '@connectrpc/connect';
import { invalidArgument, LIMITS } from '@spider/core';

import type { Clock } from '../clock.ts';
import { systemClock } from '../node/system-clock.ts';
import { ClientConnection } from './client-connection.ts';
import type { ClientTls } from './tls/client-tls.ts';
import { GrpcTransport, type GrpcTransportOptions } from './grpc/grpc-transport.ts';

export interface TransportOptions {
  /** Where the server is, such as `http://127.0.0.1:50051`; `https://` for one with TLS. */
  readonly url: string;
  /** For https:// URLs: whom to trust, and what to show. */
  readonly tls?: ClientTls | undefined;
  /** Metadata that each call brings beside its own; asked at each call. None by default. */
  readonly headers?: (() => Promise<Readonly<Record<string, string>>>) | undefined;
  /** How long the server may take to answer a new connection; 5,000 by default. */
  readonly connectTimeoutMs?: number;
  /** A connection that is quiet for so long is asked whether it lives; 5,000 by default. */
  readonly pingIntervalMs?: number;
  /** A connection that hasn't answered by then is dead and all on it fails; 5,000 by default. */
  readonly pingTimeoutMs?: number;
  /** The largest message that is read; `LIMITS.messageBytes` by default. */
  readonly readMaxBytes?: number;
  readonly clock?: Clock;
}

export interface RpcTransport extends Transport, Disposable {
  readonly url: string;
  /**
   * Asks the process at the other end whether it lives, by a ping of HTTP/2, and calls back if it does.
   * One that stands still, or does not come to read, does not. Without a connection nothing is asked.
   */
  ping(onAnswer: () => void): void;
  /** Breaks the connection and all that runs on it. A later call opens a new one. */
  close(): void;
}

/**
 * The way to a server: gRPC over one HTTP/2 connection, opened by the first call and
 * again whenever it has broken. Messages are not compressed: between machines that exchange small
 * messages by the hundred thousand it costs more than it saves.
 *
 * @throws SpiderError 'invalid-argument' if the URL is not one of HTTP, or TLS is asked for and it is not https://.
 */
export function createTransport(options: TransportOptions): RpcTransport {
  const url = checkUrl(options.url, options.tls);
  const clock = options.clock ?? systemClock;
  const connection = new ClientConnection(url, {
    clock,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    pingIntervalMs: options.pingIntervalMs ?? 5_000,
    pingTimeoutMs: options.pingTimeoutMs ?? 5_000,
    tls: options.tls ?? {},
    headers: options.headers,
  });
  const readMaxBytes = options.readMaxBytes ?? LIMITS.messageBytes;
  return new ClosableTransport(url, { connection, clock, readMaxBytes });
}

class ClosableTransport extends GrpcTransport implements RpcTransport {
  readonly url: string;
  readonly #connection: ClientConnection;

  constructor(url: string, options: GrpcTransportOptions) {
    super(options);
    this.url = url;
    this.#connection = options.connection;
  }

  ping(onAnswer: () => void): void {
    this.#connection.ping(onAnswer);
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function checkUrl(url: string, tls: ClientTls | undefined): string {
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw invalidArgument(`${JSON.stringify(url)} is not an http:// or https:// URL`);
  }
  if (protocol === 'http:' && tls !== undefined) {
    throw invalidArgument(`${url} would not be encrypted, though TLS is set up: write https://`);
  }
  return url;
}
