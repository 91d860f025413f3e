import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';

/** The status codes of gRPC that the tests meet. */
export const Code = {
  Ok: 0,
  InvalidArgument: 3,
  NotFound: 5,
  AlreadyExists: 6,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  Unauthenticated: 16,
} as const;

/** How a unary call ended. */
export interface RawAnswer {
  readonly code: number;
  readonly message: string;
  /** The response's bytes, of a call that went well. */
  readonly body: Buffer;
}

/** An open call. */
export interface RawCall {
  readonly answer: Promise<RawAnswer>;
  /** Resets the stream, as a client does that has lost interest. */
  cancel(): void;
}

const PREFIX_BYTES = 5;

/** A gRPC client with nothing under it but HTTP/2: what it sends and reads is written out here. */
export class RawClient implements Disposable {
  readonly #session: ClientHttp2Session;

  constructor(url: string) {
    this.#session = connect(url);
    this.#session.on('error', () => undefined);
  }

  /** Calls `package.Service/Method`. */
  async call(method: string, request: Uint8Array): Promise<RawAnswer> {
    return await this.open(method, request).answer;
  }

  open(method: string, request: Uint8Array): RawCall {
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(request.length, 1);
    return this.send(method, Buffer.concat([prefix, request]));
  }

  /** Calls with any bytes where a message with its prefix belongs. */
  send(method: string, body: Uint8Array): RawCall {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': `/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(body);
    return {
      answer: readAnswer(stream),
      cancel: () => stream.close(constants.NGHTTP2_CANCEL),
    };
  }

  /** Calls with another content type than gRPC's. Answers the status of HTTP. */
  async post(method: string, contentType: string, body: string): Promise<{ status: number }> {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': `/${method}`,
      'content-type': contentType,
    });
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number }>();
    stream.on('response', ({ ':status': status }) => resolve({ status: Number(status) }));
    stream.on('error', reject);
    stream.end(body);
    stream.resume();
    return await promise;
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

async function readAnswer(stream: ClientHttp2Stream): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  const headers = new Map<string, string>();
  const onHeaders = (received: IncomingHttpHeaders): void => {
    for (const [name, value] of Object.entries(received)) headers.set(name, String(value));
  };
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  stream.on('response', onHeaders);
  stream.on('trailers', onHeaders);
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', resolve);
  stream.on('error', reject);
  stream.on('close', () => reject(new Error('the stream was closed')));
  await ended;
  const status = headers.get('grpc-status');
  const isGrpc = headers.get('content-type')?.startsWith('application/grpc') === true;
  if (headers.get(':status') !== '200' || !isGrpc || status === undefined) {
    throw new Error(`this is no answer of gRPC: ${JSON.stringify([...headers])}`);
  }
  const message = decodeURIComponent(headers.get('grpc-message') ?? '');
  return { code: Number(status), message, body: readBody(Buffer.concat(chunks)) };
}

/** Not compressed, and one message at most. */
function readBody(body: Buffer): Buffer {
  if (body.length === 0) return body;
  const end = PREFIX_BYTES + body.readUInt32BE(1);
  if (body[0] !== 0 || end !== body.length) throw new Error('this is not one plain message');
  return body.subarray(PREFIX_BYTES);
}
