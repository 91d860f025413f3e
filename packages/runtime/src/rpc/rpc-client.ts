import type {
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  DescService,
  Message,
} from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { CallOptions, Client, Transport } from '@connectrpc/connect';

import { OutgoingStream } from '../outgoing-stream.ts';

/** What a method is called with, whatever its messages are. */
type Call = (input: never, options?: CallOptions) => unknown;

/**
 * A client of a service, by any transport, as connect's `createClient` makes one. Its streams hand on
 * what the transport gives, without a generator around it.
 */
export function createRpcClient<Service extends DescService>(
  service: Service,
  transport: Transport,
): Client<Service> {
  const calls: Record<string, Call> = {};
  for (const method of service.methods) calls[method.localName] = toCall(method, transport);
  return calls as Client<Service>;
}

function toCall(method: DescMethod, transport: Transport): Call {
  if (isUnary(method)) {
    return async (input, { signal, timeoutMs, headers, contextValues } = {}) => {
      const call = transport.unary(method, signal, timeoutMs, headers, input, contextValues);
      return (await call).message;
    };
  }
  const streaming = method as DescMethodStreaming;
  switch (method.methodKind) {
    case 'server_streaming':
      return (input, options) => openMessages(streaming, transport, onlyOne(input), options);
    case 'client_streaming':
      return (input: Messages, options) =>
        single(openMessages(streaming, transport, input, options));
    default:
      return (input: Messages, options) => openMessages(streaming, transport, input, options);
  }
}

const isUnary = (method: DescMethod): method is DescMethod & DescMethodUnary =>
  method.methodKind === 'unary';

type Messages = AsyncIterable<never>;

function onlyOne(message: never): Messages {
  const messages = new OutgoingStream<never>();
  messages.push(message);
  messages.end();
  return messages;
}

/** The call begins at once. Whoever leaves a loop over its messages has to abort it. */
function openMessages(
  method: DescMethodStreaming,
  transport: Transport,
  input: Messages,
  { signal, timeoutMs, headers, contextValues }: CallOptions = {},
): AsyncIterable<Message> {
  const response = transport.stream(method, signal, timeoutMs, headers, input, contextValues);
  // Whoever reads meets the error.
  response.catch(() => undefined);
  let messages: AsyncIterator<Message> | undefined;
  const open = async (): Promise<IteratorResult<Message>> => {
    messages = (await response).message[Symbol.asyncIterator]();
    return messages.next();
  };
  return { [Symbol.asyncIterator]: () => ({ next: () => messages?.next() ?? open() }) };
}

async function single(messages: AsyncIterable<Message>): Promise<Message> {
  let only: Message | undefined;
  for await (const message of messages) {
    if (only !== undefined) throw new ConnectError('a second response', Code.Unimplemented);
    only = message;
  }
  if (only === undefined) {
    throw new ConnectError('the response has no message', Code.Unimplemented);
  }
  return only;
}
