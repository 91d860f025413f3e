import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';

import { HealthService } from '@spider/proto';

import type { Logger } from '../logger.ts';
import { toGrpcMessage } from './grpc-response.ts';

type Handler = ConnectRouter['handlers'][number];

export type RequestListener = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

export interface RequestListenerOptions {
  readonly logger: Logger;
  /** Why unknown methods are unavailable; by default there are none such. */
  readonly unavailable: string | undefined;
  /** Why all methods are just now, but those that tell the server's health. */
  readonly paused: (() => string | undefined) | undefined;
}

/**
 * Leads HTTP/2 requests to the router's handlers. Beside `connectNodeAdapter` it survives requests
 * without a usable authority, answers unknown methods as gRPC clients expect, and logs to our
 * logger.
 */
export function createRequestListener(
  router: ConnectRouter,
  { logger, unavailable, paused }: RequestListenerOptions,
): RequestListener {
  const handlers = new Map<string, Handler>();
  for (const handler of router.handlers) handlers.set(handler.requestPath, handler);

  return (request, response) => {
    // Without listeners an error of one client's stream would stop the process.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const handler = handlers.get(pathOf(request.url));
    if (handler === undefined) {
      refuse(request, response, unavailable);
      return;
    }
    const reason = handler.service.typeName === HealthService.typeName ? undefined : paused?.();
    if (reason !== undefined) {
      refuse(request, response, reason);
      return;
    }
    handle(handler, request, response).catch((error: unknown) => {
      // Handlers' errors are answers; this is a client that has gone away, or that talks nonsense.
      logger.debug('an RPC could not be answered', { method: handler.method.name, error });
      response.stream?.close();
    });
  };
}

async function handle(
  handler: Handler,
  request: Http2ServerRequest,
  response: Http2ServerResponse,
): Promise<void> {
  const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
  const body = readWhole(request);
  await universalResponseToNodeResponse(await handler({ ...universal, body }), response);
}

/** A request that was reset, or whose connection broke, may look as if it had ended. This tells. */
function readWhole(request: Http2ServerRequest): AsyncIterable<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = request[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const result = await chunks.next().catch(rethrowClientGone);
        if (result.done === true && request.stream.aborted) rethrowClientGone();
        return result;
      },
    }),
  };
}

function rethrowClientGone(cause?: unknown): never {
  throw new ConnectError('the client went away', Code.Canceled, undefined, undefined, cause);
}

const pathOf = (url: string): string => url.split('?', 1)[0] ?? '';

/** As unknown, or as unavailable if there is a reason. */
function refuse(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  unavailable: string | undefined,
): void {
  if (request.headers['content-type']?.startsWith('application/grpc')) {
    const code = unavailable === undefined ? Code.Unimplemented : Code.Unavailable;
    response.writeHead(200, {
      'content-type': 'application/grpc',
      'grpc-status': String(code),
      'grpc-message': toGrpcMessage(unavailable ?? `${pathOf(request.url)} does not exist`),
    });
  } else {
    response.writeHead(unavailable === undefined ? 404 : 503);
  }
  response.end();
}
