import type { ClientHttp2Stream } from 'node:http2';

import { fromBinary } from '@bufbuild/protobuf';
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { DescMethodStreaming, DescMethodUnary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { StreamResponse, Transport, UnaryResponse } from '@connectrpc/connect';

import type { Clock } from '../../clock.ts';
import type { ClientConnection } from '../client-connection.ts';
import { ClientCall } from './client-call.ts';
import { streamError } from './call-errors.ts';
import { encodeEnvelope } from './envelope.ts';
import { IncomingMessages } from './incoming-messages.ts';
import { sendMessages, toMessage } from './send-messages.ts';

/** What a call may bring beside what each has. */
type CallHeaders = ConstructorParameters<typeof Headers>[0] | undefined;

export interface GrpcTransportOptions {
  readonly connection: ClientConnection;
  readonly clock: Clock;
  readonly readMaxBytes: number;
}

/** Calls by gRPC, straight on a connection: the least that each message passes through. */
export class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: CallHeaders,
    input: MessageInitShape<I>,
  ): Promise<UnaryResponse<I, O>> {
    const done = Promise.withResolvers<MessageShape<O>>();
    let message: MessageShape<O> | undefined;
    const call = this.#call(method, signal, timeoutMs, header, {
      onMessage: (bytes) => {
        if (message !== undefined) throw new ConnectError('a second response', Code.Unimplemented);
        message = fromBinary(method.output, bytes);
      },
      onClose: (failure) => {
        if (failure !== undefined) done.reject(failure);
        else if (message !== undefined) done.resolve(message);
        else done.reject(new ConnectError('the response has no message', Code.Unimplemented));
      },
    });
    const envelope = encodeEnvelope(method.input, toMessage(method.input, input));
    void call.begin().then((stream) => stream?.end(envelope));
    return new GrpcResponseOf(method, false, call, await done.promise);
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: CallHeaders,
    input: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    const responded = Promise.withResolvers<void>();
    let stream: ClientHttp2Stream | undefined;
    const messages = new IncomingMessages<MessageShape<O>>({
      pause: () => stream?.pause(),
      resume: () => stream?.resume(),
    });
    const call = this.#call(method, signal, timeoutMs, header, {
      onResponse: responded.resolve,
      onMessage: (bytes) => messages.push(fromBinary(method.output, bytes), bytes.length),
      onClose: (failure) => {
        if (failure === undefined) messages.end();
        else messages.fail(failure);
        if (failure === undefined) responded.resolve();
        else responded.reject(failure);
      },
    });
    const converse = async (): Promise<void> => {
      stream = await call.begin();
      if (stream !== undefined) await sendRequests(stream, method, input);
    };
    void converse();
    await responded.promise;
    return new GrpcResponseOf(method, true, call, messages);
  }

  #call(
    method: DescMethod,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: CallHeaders,
    callbacks: Pick<ConstructorParameters<typeof ClientCall>[0], 'onMessage' | 'onClose'> & {
      readonly onResponse?: () => void;
    },
  ): ClientCall {
    return new ClientCall({
      ...this.#options,
      path: `/${method.parent.typeName}/${method.name}`,
      headers: header === undefined ? {} : Object.fromEntries(new Headers(header)),
      signal,
      timeoutMs: timeoutMs !== undefined && timeoutMs > 0 ? timeoutMs : undefined,
      ...callbacks,
    });
  }
}

async function sendRequests<I extends DescMessage>(
  stream: ClientHttp2Stream,
  { input }: { readonly input: I },
  messages: AsyncIterable<MessageInitShape<I>>,
): Promise<void> {
  try {
    if (await sendMessages(stream, input, messages)) stream.end();
  } catch (error) {
    stream.destroy(streamError(error));
  }
}

/** A response; its headers are put together for who asks for them. */
class GrpcResponseOf<Method extends DescMethod, IsStream extends boolean, Message> {
  readonly method: Method;
  readonly stream: IsStream;
  readonly message: Message;
  readonly #call: ClientCall;

  constructor(method: Method, stream: IsStream, call: ClientCall, message: Message) {
    this.method = method;
    this.stream = stream;
    this.#call = call;
    this.message = message;
  }

  get service(): Method['parent'] {
    return this.method.parent;
  }

  get header(): Headers {
    return this.#call.headers;
  }

  get trailer(): Headers {
    return this.#call.trailers;
  }
}
