import {
  Code,
  ConnectError,
  createRouterTransport,
  type StreamResponse,
  type Transport,
} from '@connectrpc/connect';
import type { DescMessage } from '@bufbuild/protobuf';
import { AssignmentService, WorkerService } from '@spider/proto';
import type { Clock, Logger } from '@spider/runtime';
import type { Connect, Connection } from '../ports.ts';
import { Farewells } from './farewells.ts';
import { ReferenceScheduler } from './reference-scheduler.ts';
import { ReferenceStorage } from './reference-storage.ts';

const LAST_METHOD = WorkerService.method.deregisterExecutionManager.name;

export interface ReferenceFallbackOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The same connections, on which a peer that has none of our services is spoken to by those of the
 * reference from the next attempt on, for as long as this process lives.
 */
export function withReferenceFallback(
  connect: Connect,
  options: ReferenceFallbackOptions,
): Connect {
  const connections = new Map<string, FallbackConnection>();
  const farewells = new Farewells(options.clock);
  return (url) => {
    let connection = connections.get(url);
    if (connection === undefined) {
      connection = new FallbackConnection(connect, url, { ...options, farewells });
      connections.set(url, connection);
    }
    return connection;
  };
}

interface FallbackConnectionOptions extends ReferenceFallbackOptions {
  readonly farewells: Farewells;
}

class FallbackConnection implements Connection {
  readonly #connect: Connect;
  readonly #url: string;
  readonly #options: FallbackConnectionOptions;
  /** What stands in for a service of ours that the peer does not have, by the service's name. */
  readonly #standIns = new Map<string, Transport>();

  constructor(connect: Connect, url: string, options: FallbackConnectionOptions) {
    this.#connect = connect;
    this.#url = url;
    this.#options = options;
  }

  readonly unary: Transport['unary'] = async (method, ...rest) => {
    const service = method.parent.typeName;
    // It is the last thing that is said; this process may end then.
    if (method.name === LAST_METHOD) await this.#options.farewells.all();
    const standIn = this.#standIns.get(service);
    if (standIn !== undefined) return standIn.unary(method, ...rest);
    try {
      return await this.#connect(this.#url).unary(method, ...rest);
    } catch (error) {
      this.#noteMissing(service, error);
      throw error;
    }
  };

  readonly stream: Transport['stream'] = async (method, ...rest) => {
    const service = method.parent.typeName;
    const standIn = this.#standIns.get(service);
    if (standIn !== undefined) return standIn.stream(method, ...rest);
    try {
      const response = await this.#connect(this.#url).stream(method, ...rest);
      return this.#watched(response, service);
    } catch (error) {
      this.#noteMissing(service, error);
      throw error;
    }
  };

  ping(onAnswer: () => void): void {
    this.#connect(this.#url).ping(onAnswer);
  }

  close(): void {
    this.#connect(this.#url).close();
  }

  /** That a service is missing is said before its first message; after that nothing is looked at. */
  #watched<I extends DescMessage, O extends DescMessage>(
    response: StreamResponse<I, O>,
    service: string,
  ): StreamResponse<I, O> {
    return {
      ...response,
      message: {
        [Symbol.asyncIterator]: () => {
          const messages = response.message[Symbol.asyncIterator]();
          let isFirst = true;
          const first = async (): ReturnType<typeof messages.next> => {
            isFirst = false;
            try {
              return await messages.next();
            } catch (error) {
              this.#noteMissing(service, error);
              throw error;
            }
          };
          return {
            next: () => (isFirst ? first() : messages.next()),
            return: async () => (await messages.return?.()) ?? { done: true, value: undefined },
          };
        },
      },
    };
  }

  #noteMissing(service: string, error: unknown): void {
    if (ConnectError.from(error).code !== Code.Unimplemented) return;
    const standIn = this.#standInFor(service);
    if (standIn === undefined) return;
    this.#options.logger.info('the peer speaks the reference’s protocol', {
      url: this.#url,
      missing: service,
    });
    this.#standIns.set(service, standIn);
  }

  #standInFor(service: string): Transport | undefined {
    const options = { ...this.#options, transport: this.#connect(this.#url) };
    switch (service) {
      case WorkerService.typeName: {
        const storage = new ReferenceStorage(options);
        return createRouterTransport((router) => {
          router.service(WorkerService, {
            registerExecutionManager: () => storage.register(),
            // Its heartbeats end, and that is all the reference knows of a farewell.
            deregisterExecutionManager: () => ({}),
            exchange: (requests, { signal }) => storage.exchange(requests, signal),
          });
        });
      }
      case AssignmentService.typeName: {
        const scheduler = new ReferenceScheduler(options);
        return createRouterTransport((router) => {
          router.service(AssignmentService, {
            pullAssignments: (requests, { signal }) => scheduler.pullAssignments(requests, signal),
          });
        });
      }
      default:
        return undefined;
    }
  }
}
