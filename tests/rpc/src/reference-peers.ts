import { EventEmitter, once } from 'node:events';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/grpc-js';
import type { PlainMessage, RpcMethod, Schema } from './schema.ts';
import type { CodeName } from './grpc-client.ts';

/** A call that a peer has got. */
export interface Call {
  readonly method: string;
  readonly request: PlainMessage;
}

type Done = (error: object | null, response?: Buffer) => void;
type Answer = PlainMessage | CodeName;
type Handler = (request: PlainMessage) => Answer | Promise<Answer>;

/**
 * Storage and scheduler of the reference in one, as far as an execution manager sees them: its unary
 * services on a server of grpc-js, and none of ours. What they answer a test says.
 */
export class ReferencePeers implements AsyncDisposable {
  readonly calls: Call[] = [];
  port = 0;
  readonly #schema: Schema;
  readonly #server = new Server();
  readonly #handlers = new Map<string, Handler>();
  readonly #changes = new EventEmitter();

  private constructor(schema: Schema) {
    this.#schema = schema;
  }

  static async start(schema: Schema): Promise<ReferencePeers> {
    const peers = new ReferencePeers(schema);
    for (const name of METHODS) peers.#serve(name);
    peers.port = await new Promise<number>((resolve, reject) => {
      peers.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    return peers;
  }

  /** Says how calls of that method are answered: with a message, or a status code. */
  on(method: (typeof METHODS)[number], handler: Handler): void {
    this.#handlers.set(method, handler);
  }

  /** The requests of a method so far. */
  of(method: (typeof METHODS)[number]): readonly PlainMessage[] {
    return this.calls.filter((call) => call.method === method).map(({ request }) => request);
  }

  /** Resolves when the condition holds; it is looked at after each call. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this.#changes, 'call');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }

  #serve(name: string): void {
    const method = this.#schema.method(name);
    const definition: ServiceDefinition = {
      [name]: {
        path: method.path,
        requestStream: false,
        responseStream: false,
        requestSerialize: (bytes: Buffer) => bytes,
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (bytes: Buffer) => bytes,
        responseDeserialize: (bytes: Buffer) => bytes,
      },
    };
    const handle = async (call: { readonly request: Buffer }, done: Done): Promise<void> => {
      const answer = await this.#answer(method, call.request);
      if (typeof answer === 'string') done({ code: status[answer], details: `said ${answer}` });
      else done(null, method.encodeResponse(answer));
      this.#changes.emit('call');
    };
    this.#server.addService(definition, Object.fromEntries([[name, handle]]));
  }

  async #answer(method: RpcMethod, bytes: Buffer): Promise<Answer> {
    const request = method.decodeRequest(bytes);
    this.calls.push({ method: method.name, request });
    return (await this.#handlers.get(method.name)?.(request)) ?? {};
  }
}

const METHODS = [
  'RegisterExecutionManager',
  'UpdateExecutionManagerHeartbeat',
  'RegisterTaskInstance',
  'ReportTaskSuccess',
  'ReportTaskFailure',
  'NextTask',
  'Heartbeat',
  'Shutdown',
] as const;
