import { constants, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';

import { Code, ConnectError } from '@connectrpc/connect';

import type { Clock, Timer } from '../../clock.ts';
import type { ClientConnection } from '../client-connection.ts';
import { abortError, resetError, streamError } from './call-errors.ts';
import { EnvelopeReader } from './envelope.ts';
import { responseError, statusOf } from './grpc-status.ts';

export interface ClientCallOptions {
  readonly connection: ClientConnection;
  readonly clock: Clock;
  readonly path: string;
  /** Beside those that each call has. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  readonly readMaxBytes: number;
  readonly onResponse?: () => void;
  /** What it throws ends the call. */
  readonly onMessage: (bytes: Uint8Array) => void;
  /** Called once, as the last of them. */
  readonly onClose: (failure: ConnectError | undefined) => void;
}

/** A call to a server, from its request's headers to its status. */
export class ClientCall {
  readonly #options: ClientCallOptions;
  readonly #reader: EnvelopeReader;
  readonly #abort = (): void => this.#giveUp(abortError(this.#options.signal?.reason));
  #deadline: Timer | undefined;
  #stream: ClientHttp2Stream | undefined;
  #status: ReturnType<typeof statusOf>;
  #isOver = false;
  #headers: IncomingHttpHeaders = {};
  #trailers: IncomingHttpHeaders = {};

  constructor(options: ClientCallOptions) {
    this.#options = options;
    this.#reader = new EnvelopeReader(options.readMaxBytes);
  }

  /** Of the response. */
  get headers(): Headers {
    return toWebHeaders(this.#headers);
  }

  get trailers(): Headers {
    return toWebHeaders(this.#trailers);
  }

  /** Sends the headers. Answers the stream for the messages, unless the call is over already. */
  async begin(): Promise<ClientHttp2Stream | undefined> {
    const { connection, path, signal, timeoutMs, clock } = this.#options;
    if (signal?.aborted === true) this.#abort();
    if (this.#isOver) return undefined;
    signal?.addEventListener('abort', this.#abort);
    if (timeoutMs !== undefined) {
      const overdue = new ConnectError('the operation timed out', Code.DeadlineExceeded);
      this.#deadline = clock.setTimer(timeoutMs, () => this.#giveUp(overdue));
    }
    try {
      const stream = await connection.request('POST', path, this.#requestHeaders());
      // Given up while the connection was being opened.
      if (this.#isGivenUp()) stream.close(constants.NGHTTP2_CANCEL);
      else return this.#listen(stream);
    } catch (error) {
      this.#finish(streamError(error));
    }
    return undefined;
  }

  #isGivenUp(): boolean {
    return this.#isOver;
  }

  #requestHeaders(): Record<string, string> {
    const { headers, timeoutMs } = this.#options;
    return {
      ...headers,
      'content-type': 'application/grpc+proto',
      te: 'trailers',
      ...(timeoutMs !== undefined && { 'grpc-timeout': `${Math.ceil(timeoutMs)}m` }),
    };
  }

  #listen(stream: ClientHttp2Stream): ClientHttp2Stream {
    this.#stream = stream;
    stream.on('response', (headers) => this.#respond(headers));
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      this.#trailers = trailers;
      this.#status ??= statusOf(trailers);
    });
    stream.on('end', () => this.#ended());
    stream.on('error', (error) => this.#finish(streamError(error)));
    stream.on('close', () => this.#closed());
    return stream;
  }

  #respond(headers: IncomingHttpHeaders): void {
    this.#headers = headers;
    const error = responseError(headers);
    if (error !== undefined) {
      this.#giveUp(error);
      return;
    }
    this.#status = statusOf(headers);
    this.#options.onResponse?.();
  }

  #take(chunk: Buffer): void {
    if (this.#isOver) return;
    try {
      this.#reader.push(chunk, this.#options.onMessage);
    } catch (error) {
      this.#giveUp(ConnectError.from(error, Code.Internal));
    }
  }

  /** The server has said all. Its status comes before this. */
  #ended(): void {
    if (this.#status === 'ok' && !this.#reader.isBetween) {
      this.#finish(new ConnectError('the last message is not whole', Code.InvalidArgument));
    } else if (this.#status !== undefined) {
      this.#finish(this.#status === 'ok' ? undefined : this.#status);
    }
  }

  /**
   * Without a code, and with no status before, the other end has let go of the connection, or somebody
   * between has: whether the call was heard nobody knows.
   */
  #closed(): void {
    const reset = resetError(this.#stream?.rstCode);
    this.#finish(reset ?? new ConnectError('the response broke off', Code.Unavailable));
  }

  /** Ends the call from this side. */
  #giveUp(failure: ConnectError): void {
    const code =
      failure.code === Code.Canceled ? constants.NGHTTP2_CANCEL : constants.NGHTTP2_INTERNAL_ERROR;
    this.#finish(failure);
    this.#stream?.close(code);
  }

  #finish(failure: ConnectError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#deadline?.cancel();
    this.#options.onClose(failure);
  }
}

function toWebHeaders(headers: IncomingHttpHeaders): Headers {
  const fields = Object.entries(headers).filter(([name]) => !name.startsWith(':'));
  return new Headers(fields.map(([name, value]) => [name, String(value)]));
}
