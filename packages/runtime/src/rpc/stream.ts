import { ConnectError } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';
import { fromConnectError, toConnectError } from '@spider/proto';

import {
  StreamEnds,
  type RpcStream,
  type RpcStreamCallbacks,
  type RpcStreamOptions,
} from './stream-ends.ts';

/**
 * Opens a stream from the client's side: a bidirectional one, or a server's stream, whose call
 * ignores the requests. Nothing is called back before this has returned.
 *
 * @example
 *   const stream = openStream(
 *     (requests, options) => client.exchange(requests, options),
 *     { onMessage: take, onClose: reconnect },
 *   );
 */
export function openStream<In, Out>(
  call: (
    requests: AsyncIterable<Out>,
    options: { readonly signal: AbortSignal },
  ) => AsyncIterable<In>,
  callbacks: RpcStreamCallbacks<In>,
  options: RpcStreamOptions = {},
): RpcStream<Out> {
  const abort = new AbortController();
  const ends = new StreamEnds<In, Out>({
    tearDown: (reason) => abort.abort(toConnectError(reason)),
    ...options,
  });
  ends.attach(callbacks);
  queueMicrotask(() => void converse());
  return ends;

  async function converse(): Promise<void> {
    let failure: unknown;
    try {
      for await (const message of call(ends.outgoing, { signal: abort.signal })) {
        if (!ends.deliver(message)) break;
      }
    } catch (error) {
      failure = lostUnlessAnswered(error);
    }
    // The server has said its last; a request half that is still open would keep the stream alive.
    ends.end();
    abort.abort();
    ends.close(failure);
  }
}

/**
 * A stream that was reset without a word looks cancelled, but the one who may cancel is here: the
 * server is gone, or wants to be.
 */
function lostUnlessAnswered(error: unknown): SpiderError {
  const failure = fromConnectError(error);
  const answered = error instanceof ConnectError && error.isWireError;
  return failure.code === 'cancelled' && !answered
    ? new SpiderError('unavailable', failure.message, { cause: error })
    : failure;
}

/**
 * Serves a bidirectional stream: returns what the handler of the RPC is to return. What `start`
 * throws is the answer to the call.
 *
 * @example
 *   exchange: (requests, context) =>
 *     handleStream(requests, context, (stream) => new WorkerConnection(stream)),
 */
export function handleStream<In, Out>(
  requests: AsyncIterable<In>,
  context: { readonly signal: AbortSignal },
  start: (stream: RpcStream<Out>) => RpcStreamCallbacks<In>,
  options: RpcStreamOptions = {},
): AsyncIterable<Out> {
  const ends = serveEnds(context, start, options);
  void listen();
  return ends.outgoing;

  async function listen(): Promise<void> {
    try {
      for await (const message of requests) {
        if (!ends.deliver(message)) return;
        const ready = ends.whenReady();
        if (ready !== undefined) await ready;
      }
      ends.peerEnded();
    } catch (error) {
      ends.cancel(context.signal.aborted ? clientGone() : refusal(error));
    }
  }
}

/** Serves a stream on which only the server speaks; see {@link handleStream}. */
export function pushStream<Out>(
  context: { readonly signal: AbortSignal },
  start: (stream: RpcStream<Out>) => Pick<RpcStreamCallbacks<never>, 'onClose' | 'onDrained'>,
  options: RpcStreamOptions = {},
): AsyncIterable<Out> {
  const startListening = (stream: RpcStream<Out>): RpcStreamCallbacks<never> => {
    const callbacks = start(stream);
    return {
      onMessage: () => undefined,
      onClose: (reason) => callbacks.onClose(reason),
      onDrained: () => callbacks.onDrained?.(),
    };
  };
  return serveEnds(context, startListening, options).outgoing;
}

function serveEnds<In, Out>(
  { signal }: { readonly signal: AbortSignal },
  start: (stream: RpcStream<Out>) => RpcStreamCallbacks<In>,
  options: RpcStreamOptions,
): StreamEnds<In, Out> {
  const ends: StreamEnds<In, Out> = new StreamEnds<In, Out>({
    tearDown: (reason) => ends.outgoing.fail(toConnectError(reason)),
    onOutgoingClose: (orderly) => {
      signal.removeEventListener('abort', onAbort);
      ends.close(orderly ? undefined : clientGone());
    },
    ...options,
  });
  const onAbort = (): void => {
    const reason = fromConnectError(signal.reason);
    // Only this server's own end is something that the client can be told.
    ends.cancel(reason.code === 'unavailable' ? reason : clientGone());
  };
  ends.attach(start(ends));
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort);
  return ends;
}

/** What cannot be read is the client's fault, though connect calls it internal. */
function refusal(error: unknown): SpiderError {
  const failure = fromConnectError(error);
  if (failure.code !== 'internal') return failure;
  return new SpiderError('invalid-argument', failure.message, { cause: error });
}

const clientGone = (): SpiderError => new SpiderError('cancelled', 'the client went away');
