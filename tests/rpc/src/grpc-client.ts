import { Client, credentials, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import type { PlainMessage, RpcMethod, Schema } from './schema.ts';

/** The name of a status code, `OK` or `NOT_FOUND`. */
export type CodeName = keyof typeof status;

/** How a unary call ended. */
export interface Answer {
  readonly code: CodeName;
  /** What is said to a refusal; empty for `OK`. */
  readonly text: string;
  /** Empty for a refusal. */
  readonly response: PlainMessage;
}

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
    const method = this.#schema.method(name);
    return this.send(method.path, method.encode(request), method);
  }

  /** Calls any path with any bytes. */
  send(path: string, request: Buffer, method?: RpcMethod): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#client.makeUnaryRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      request,
      (error: ServiceError | null, response?: Buffer) => {
        if (error !== null) {
          const code = status[error.code] as CodeName;
          resolve({ code, text: error.details, response: {} });
          return;
        }
        resolve({ code: 'OK', text: '', response: method?.decode(response ?? Buffer.of()) ?? {} });
      },
    );
    return promise;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
