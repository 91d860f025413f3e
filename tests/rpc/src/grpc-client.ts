import { Client, credentials, status } from '@grpc/grpc-js';
import type { CallOptions, ServiceError } from '@grpc/grpc-js';
import type { PlainMessage, RpcMethod, Schema } from './schema.ts';

/** The name of a status code, `OK` or `NOT_FOUND`. */
export type CodeName = keyof typeof status;

/** How a call ended. */
export interface Answer {
  readonly code: CodeName;
  /** What is said to a refusal; empty for `OK`. */
  readonly text: string;
  /** Of a unary call that went well. */
  readonly response: PlainMessage;
}

/** A call that has not ended, or not yet. */
export interface OpenCall {
  readonly answer: Promise<Answer>;
  cancel(): void;
}

/** A call with a stream up, down, or both. */
export interface OpenStream extends OpenCall {
  send(request: PlainMessage): void;
  end(): void;
}

const plainBytes = (bytes: Buffer): Buffer => bytes;

/** One connection of grpc-js, which the rest of Spider does not use. */
export class GrpcClient implements Disposable {
  readonly #client: Client;
  readonly #schema: Schema;

  constructor(url: string, schema: Schema) {
    this.#client = new Client(new URL(url).host, credentials.createInsecure(), {
      // Clients with the same options would share one.
      'grpc.use_local_subchannel_pool': 1,
    });
    this.#schema = schema;
  }

  /** Calls a unary method by its short name. */
  call(name: string, request: PlainMessage): Promise<Answer> {
    return this.open(this.#schema.method(name), request).answer;
  }

  /** Calls a unary method; the deadline is none by default. */
  open(method: RpcMethod, request: PlainMessage, deadlineMs = Infinity): OpenCall {
    const { promise: answer, resolve } = Promise.withResolvers<Answer>();
    const call = this.#client.makeUnaryRequest(
      method.path,
      plainBytes,
      plainBytes,
      method.encode(request),
      callOptions(deadlineMs),
      (error: ServiceError | null, response?: Buffer) => {
        if (error !== null) resolve(refusal(error));
        else resolve({ code: 'OK', text: '', response: method.decode(response ?? Buffer.of()) });
      },
    );
    return { answer, cancel: () => call.cancel() };
  }

  /** Calls a method with streams. The answer comes at its end. */
  stream(method: RpcMethod, onResponse: (response: PlainMessage) => void): OpenStream {
    const { promise: answer, resolve } = Promise.withResolvers<Answer>();
    const call = this.#client.makeBidiStreamRequest(method.path, plainBytes, plainBytes);
    call.on('data', (response: Buffer) => onResponse(method.decode(response)));
    call.on('error', (error: ServiceError) => resolve(refusal(error)));
    call.on('status', ({ code, details }: ServiceError) =>
      resolve({ code: status[code] as CodeName, text: details, response: {} }),
    );
    return {
      answer,
      send: (request) => void call.write(method.encode(request)),
      end: () => call.end(),
      cancel: () => call.cancel(),
    };
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

const callOptions = (deadlineMs: number): CallOptions =>
  deadlineMs === Infinity ? {} : { deadline: Date.now() + deadlineMs };

const refusal = ({ code, details }: ServiceError): Answer => ({
  code: status[code] as CodeName,
  text: details,
  response: {},
});
