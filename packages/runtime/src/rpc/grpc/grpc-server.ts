import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';

import { HealthService } from '@spider/proto';

import { ServerCall } from './server-call.ts';
import type { ServerCallOptions } from './server-call.ts';
import type { ServedMethod } from './served-method.ts';

export interface GrpcServerOptions extends ServerCallOptions {
  readonly methods: ReadonlyMap<string, ServedMethod>;
  /** Why no method is answered just now, but those that tell the server's health. */
  readonly paused: (() => string | undefined) | undefined;
}

/** What comes before a path, and nothing that a URL could not have. */
const AUTHORITY = /^[\w.:[\]-]+$/;

/**
 * Answers the calls that are plain gRPC, which are all that come from our own clients: without
 * compression, without a deadline. All else is left to whoever understands it.
 */
export class GrpcServer {
  readonly #options: GrpcServerOptions;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
  }

  /** Answers whether it has taken the call. */
  take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean {
    const { methods, paused } = this.#options;
    const path = headers[':path'];
    const served = path === undefined ? undefined : methods.get(path);
    if (served === undefined || !isPlain(headers)) return false;
    const isHealth = served.method.parent.typeName === HealthService.typeName;
    if (!isHealth && paused?.() !== undefined) return false;
    new ServerCall(served, stream, headers, this.#options).begin();
    return true;
  }
}

function isPlain(headers: IncomingHttpHeaders): boolean {
  const type = headers['content-type'];
  return (
    (type === 'application/grpc+proto' || type === 'application/grpc') &&
    headers[':method'] === 'POST' &&
    headers['grpc-timeout'] === undefined &&
    (headers['grpc-encoding'] ?? 'identity') === 'identity' &&
    AUTHORITY.test(String(headers[':authority']))
  );
}
