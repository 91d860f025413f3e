import type { Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { LIMITS, SpiderError } from '@spider/core';

import { HTTP2_OPTIONS } from './http2-options.ts';

export interface TransportOptions {
  /** Where the server is, such as `http://127.0.0.1:50051`. */
  readonly url: string;
  /** A connection that was silent for so long is asked whether it lives; 5,000 by default. */
  readonly pingIntervalMs?: number;
  /** A connection that hasn't answered by then is dead, and its streams break; 5,000 by default. */
  readonly pingTimeoutMs?: number;
  /** The largest message that is read; `LIMITS.messageBytes` by default. */
  readonly readMaxBytes?: number;
}

export interface RpcTransport extends Transport, Disposable {
  readonly url: string;
  /** Breaks the connection and all that runs on it. A later call opens a new one. */
  close(): void;
}

/**
 * The way to a server: gRPC over one HTTP/2 connection in plain text, opened by the first call and
 * again whenever it has broken. Messages are not compressed: between machines that exchange small
 * messages by the hundred thousand it costs more than it saves.
 *
 * @throws SpiderError 'invalid-argument' if the URL is not one of HTTP.
 */
export function createTransport(options: TransportOptions): RpcTransport {
  const { pingIntervalMs = 5_000, pingTimeoutMs = 5_000 } = options;
  const url = checkUrl(options.url);
  const sessions = new Http2SessionManager(
    url,
    { pingIntervalMs, pingTimeoutMs, pingIdleConnection: true },
    HTTP2_OPTIONS,
  );
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager: sessions,
    acceptCompression: [],
    readMaxBytes: options.readMaxBytes ?? LIMITS.messageBytes,
  });
  const close = (): void => sessions.abort();
  return { ...transport, url, close, [Symbol.dispose]: close };
}

function checkUrl(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new SpiderError('invalid-argument', `${JSON.stringify(url)} is not a URL of HTTP`);
  }
  return url;
}
