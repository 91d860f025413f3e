import type {
  Http2Session,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Stream,
} from 'node:http2';

import { fromBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';

import type { Clock } from '../../clock.ts';
import type { CallGuard } from '../call-guard.ts';
import { toGrpcMessage } from '../grpc-response.ts';
import { MessageGuard } from '../message-guard.ts';
import { shapeOf } from '../message-shape.ts';
import type { Peer } from '../peer.ts';
import type { RequestBudget, RequestShare } from '../request-budget.ts';
import { CallContext } from './call-context.ts';
import { encodeEnvelope, EnvelopeReader } from './envelope.ts';
import { IncomingMessages } from './incoming-messages.ts';
import { sendMessages, toMessage } from './send-messages.ts';
import type { ServedMethod } from './served-method.ts';

type Request = MessageShape<DescMessage>;
type Response = MessageInitShape<DescMessage>;

export interface ServerCallOptions {
  readonly clock: Clock;
  readonly readMaxBytes: number;
  /** For the requests that are held until they are answered. */
  readonly budget: RequestBudget;
  /** Who is at the other end of a connection. */
  readonly peerAt: (session: Http2Session) => Peer | undefined;
  readonly guards: readonly CallGuard[];
  /** What to answer for an error, which may be worth a line in the log. */
  readonly toAnswer: (error: unknown, method: string) => ConnectError;
  /** Those that are under way. */
  readonly calls: Set<ServerCall>;
}

/** How long a client may leave a stream open whose call was answered. */
export const HALF_OPEN_MS = 10_000;

const RESPONSE_HEADERS = { ':status': 200, 'content-type': 'application/grpc+proto' } as const;
/** As connect decodes them here. */
const DECODING = { readUnknownFields: false } as const;

const STATUS_OK = { 'grpc-status': '0' } as const;

/** One call of a client, from its headers to its end. */
export class ServerCall {
  readonly #served: ServedMethod;
  readonly #stream: ServerHttp2Stream;
  readonly #options: ServerCallOptions;
  readonly #context: CallContext;
  readonly #reader: EnvelopeReader;
  /** Unless the method takes one message. */
  readonly #requests: IncomingMessages<Request> | undefined;
  readonly #share: RequestShare | undefined;
  #request: Uint8Array | undefined;
  #trailers: OutgoingHttpHeaders = STATUS_OK;
  #hasResponded = false;
  #isAnswered = false;

  constructor(
    served: ServedMethod,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    options: ServerCallOptions,
  ) {
    const { method } = served;
    this.#served = served;
    this.#stream = stream;
    this.#options = options;
    this.#context = new CallContext(
      method,
      headers,
      () => stream.session && options.peerAt(stream.session),
    );
    this.#reader = new EnvelopeReader(served.readMaxBytes ?? options.readMaxBytes);
    if (method.methodKind === 'unary' || method.methodKind === 'server_streaming') {
      this.#share = options.budget.open();
    } else {
      this.#requests = new IncomingMessages(stream);
    }
  }

  begin(): void {
    const stream = this.#stream;
    this.#options.calls.add(this);
    // Its end says what there is to say; without a listener it would stop the process.
    stream.on('error', () => undefined);
    stream.on('close', () => this.#closed());
    try {
      const { guards } = this.#options;
      const { name: method } = this.#served;
      const context = this.#context;
      for (const guard of guards) {
        guard({ method, values: context.values, header: (name) => context.requestField(name) });
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('end', () => this.#ended());
    if (this.#requests !== undefined) this.#start(this.#requests);
  }

  /** The server ends. */
  abort(reason: ConnectError): void {
    this.#context.abort(reason);
  }

  #take(chunk: Buffer): void {
    try {
      this.#share?.take(chunk.length);
      this.#reader.push(chunk, (bytes) => this.#receive(bytes));
    } catch (error) {
      this.#refuse(error);
    }
  }

  #receive(bytes: Uint8Array): void {
    if (this.#requests !== undefined) {
      this.#requests.push(this.#decode(bytes), bytes.length);
    } else if (this.#request === undefined) {
      this.#request = bytes;
    } else {
      throw new ConnectError('the call has a second message', Code.Unimplemented);
    }
  }

  /** What it would become is counted first: a few bytes can be an object of a hundred. */
  #decode(bytes: Uint8Array): Request {
    const { input } = this.#served.method;
    const guard = new MessageGuard(shapeOf(input), bytes.length);
    guard.push(bytes, 0, bytes.length);
    guard.finish();
    try {
      return fromBinary(input, bytes, DECODING);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ConnectError(`parse binary: ${reason}`, Code.Internal);
    }
  }

  /** What came is not what may come. Those who read messages meet the error after them. */
  #refuse(error: unknown): void {
    this.#stopReading();
    if (this.#requests === undefined) this.#fail(error);
    else this.#requests.fail(error);
  }

  #ended(): void {
    if (this.#isAnswered) return;
    if (!this.#reader.isBetween) {
      this.#refuse(new ConnectError('protocol error: incomplete envelope', Code.InvalidArgument));
    } else if (this.#requests !== undefined) {
      this.#requests.end();
    } else if (this.#request === undefined) {
      this.#refuse(new ConnectError('the call has no message', Code.Unimplemented));
    } else {
      this.#begun(this.#request);
    }
  }

  #begun(request: Uint8Array): void {
    this.#request = undefined;
    try {
      this.#start(this.#decode(request));
    } catch (error) {
      this.#fail(error);
    }
  }

  #start(input: Request | IncomingMessages<Request>): void {
    void this.#answer(input).catch((error: unknown) => this.#fail(error));
  }

  async #answer(input: Request | IncomingMessages<Request>): Promise<void> {
    const { method, answer } = this.#served;
    const output = answer(input, this.#context);
    if (method.methodKind === 'unary' || method.methodKind === 'client_streaming') {
      this.#end(await (output as Promise<Response>));
      return;
    }
    const responses = output as AsyncIterable<Response>;
    const respond = (): void => this.#respond();
    if (await sendMessages(this.#stream, method.output, responses, respond)) this.#end();
  }

  #respond(): void {
    if (this.#hasResponded || this.#stream.destroyed) return;
    this.#hasResponded = true;
    const headers = { ...RESPONSE_HEADERS, ...this.#context.responseFields };
    this.#stream.respond(headers, { waitForTrailers: true });
    this.#stream.once('wantTrailers', () =>
      this.#stream.sendTrailers({ ...this.#context.trailerFields, ...this.#trailers }),
    );
  }

  /** All is well, and this was the last message if there is one. */
  #end(message?: Response): void {
    const stream = this.#stream;
    const { output } = this.#served.method;
    const last = message && encodeEnvelope(output, toMessage(output, message));
    if (this.#isAnswered || stream.destroyed) return;
    this.#isAnswered = true;
    if (last !== undefined || this.#hasResponded) {
      this.#respond();
      this.#endHalfOpen();
      stream.end(last);
    } else {
      this.#endAtOnce(STATUS_OK);
    }
    this.#over();
  }

  #fail(error: unknown): void {
    const stream = this.#stream;
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    const failure = this.#options.toAnswer(error, this.#served.name);
    if (stream.destroyed) return;
    const status = {
      'grpc-status': String(failure.code),
      'grpc-message': toGrpcMessage(failure.rawMessage),
    };
    if (this.#hasResponded) {
      this.#trailers = status;
      this.#endHalfOpen();
      stream.end();
    } else {
      this.#endAtOnce(status);
    }
    this.#over();
  }

  /** The status goes out with the headers, in one frame. */
  #endAtOnce(status: OutgoingHttpHeaders): void {
    this.#endHalfOpen();
    const { responseFields, trailerFields } = this.#context;
    const headers = { ...RESPONSE_HEADERS, ...responseFields, ...trailerFields, ...status };
    this.#stream.respond(headers, { endStream: true });
  }

  /** Nobody listens to what a client says after it was answered. Some would go on for ever. */
  #endHalfOpen(): void {
    const stream = this.#stream;
    if (stream.readableEnded) return;
    stream.once('finish', () => {
      this.#stopReading();
      if (stream.destroyed) return;
      const timer = this.#options.clock.setTimer(HALF_OPEN_MS, () => stream.close());
      stream.once('close', () => timer.cancel());
    });
  }

  /** Until all that came is read, the stream stays, and with it whatever waits for its end. */
  #stopReading(): void {
    this.#stream.removeAllListeners('data');
    this.#stream.resume();
  }

  #over(): void {
    this.#share?.[Symbol.dispose]();
    this.#context.abort();
  }

  #closed(): void {
    this.#options.calls.delete(this);
    this.#share?.[Symbol.dispose]();
    if (this.#isAnswered && this.#stream.readableEnded) return;
    const gone = new ConnectError('the client went away', Code.Canceled);
    this.#context.abort(gone);
    this.#requests?.fail(gone);
  }
}
