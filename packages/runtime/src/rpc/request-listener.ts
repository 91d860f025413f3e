import type { Http2ServerRequest, Http2ServerResponse, Http2Session } from 'node:http2';

import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';

import { HealthService } from '@spider/proto';

import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { dropEndlessDeadline } from './endless-deadline.ts';
import { type Peer, valuesWithPeer } from './peer.ts';
import type { RequestBudget, RequestShare } from './request-budget.ts';
import { createRequestGuard, type RequestGuard } from './request-guard.ts';
import { toGrpcMessage } from './grpc-response.ts';
import { HALF_OPEN_MS } from './grpc/server-call.ts';

type Handler = ConnectRouter['handlers'][number];

export type RequestListener = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

export interface RequestListenerOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** For the requests that are held until they are answered. */
  readonly budget: RequestBudget;
  /** Who is at the other end of a connection. */
  readonly peerAt: (session: Http2Session) => Peer | undefined;
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
  { logger, clock, budget, peerAt, unavailable, paused }: RequestListenerOptions,
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
    if (!isHeldWhole(handler)) endWithResponse(request, response, clock);
    handle(handler, request, response, { budget, peerAt }).catch((error: unknown) => {
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
  { budget, peerAt }: Pick<RequestListenerOptions, 'budget' | 'peerAt'>,
): Promise<void> {
  const { stream } = request;
  const values = valuesWithPeer(stream.session && peerAt(stream.session));
  const universal = universalRequestFromNodeRequest(request, response, undefined, values);
  dropEndlessDeadline(universal.header);
  // Nobody reads on after the answer; but until all that came is read, the stream stays, and with it
  // whatever waits for its end.
  stream.once('finish', () => stream.removeAllListeners('data').resume());
  const share = isHeldWhole(handler) ? openShare(response, budget) : undefined;
  const guard = createRequestGuard(handler.method.input, request.headers['content-type']);
  const body = readWhole(request, share, guard);
  await universalResponseToNodeResponse(await handler({ ...universal, body }), response);
}

/** Room for a request until its response has gone out, or its connection is gone. */
function openShare(response: Http2ServerResponse, budget: RequestBudget): RequestShare {
  const share = budget.open();
  const giveBack = (): void => share[Symbol.dispose]();
  response.once('finish', giveBack);
  response.once('close', giveBack);
  return share;
}

/** Nobody listens to what a client says after it was answered. Some would go on for ever. */
function endWithResponse(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  clock: Clock,
): void {
  response.once('finish', () => {
    const { stream } = request;
    if (stream.destroyed) return;
    const timer = clock.setTimer(HALF_OPEN_MS, () => stream.close());
    stream.once('close', () => timer.cancel());
  });
}

/** Streams have messages that are gone when they are read, and other bounds. */
const isHeldWhole = ({ method }: Handler): boolean =>
  method.methodKind === 'unary' || method.methodKind === 'server_streaming';

/** A request that was reset, or whose connection broke, may look as if it had ended. This tells. */
function readWhole(
  request: Http2ServerRequest,
  share: RequestShare | undefined,
  guard: RequestGuard,
): AsyncIterable<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = request[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const result = await chunks.next().catch(rethrowClientGone);
        if (result.done === true) {
          if (request.stream.aborted) rethrowClientGone();
          guard.end();
        } else {
          share?.take(result.value.length);
          guard.push(result.value);
        }
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
