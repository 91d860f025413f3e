import { create, type DescService } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { invalidArgument, LIMITS, notFound, SpiderError } from '@spider/core';
import {
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthService,
  ServingStatus,
} from '@spider/proto';

import { pushStream } from './stream.ts';
import type { RpcStream } from './stream-ends.ts';

/** Stands for all services of a server together. */
const WHOLE_SERVER = '';

/**
 * What a server tells those who ask by `grpc.health.v1` whether to send it work: load balancers,
 * Kubernetes probes, people. It does not serve until it is told that it does.
 */
export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #watches = new Map<RpcStream<HealthCheckResponse>, string>();
  readonly #watchesMax: number;
  #isServing = false;

  /**
   * @param services those that may be asked for by name, beside the server as a whole.
   * @param watchesMax how many may watch at a time; `LIMITS.healthWatches` by default.
   */
  constructor(services: readonly DescService[], watchesMax: number = LIMITS.healthWatches) {
    this.#watchesMax = watchesMax;
    this.#services = new Set([WHOLE_SERVER, ...services.map(({ typeName }) => typeName)]);
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  /** Those who watch are told if this is news. */
  set isServing(isServing: boolean) {
    if (this.#isServing === isServing) return;
    this.#isServing = isServing;
    for (const [stream, service] of this.#watches) {
      if (this.#services.has(service)) stream.send(this.#response(service));
    }
  }

  /** Mounts the service that is asked. */
  routes(router: ConnectRouter): void {
    router.service(HealthService, {
      check: (request) => this.#check(request.service),
      watch: (request, context) => this.#watch(request.service, context),
    });
  }

  #check(service: string): HealthCheckResponse {
    checkServiceName(service);
    if (this.#services.has(service)) return this.#response(service);
    throw notFound(`service: this server has no ${JSON.stringify(service)}`);
  }

  #watch(service: string, context: HandlerContext): AsyncIterable<HealthCheckResponse> {
    checkServiceName(service);
    if (this.#watches.size >= this.#watchesMax) {
      throw new SpiderError(
        'resource-exhausted',
        `${this.#watchesMax} watches of this server's health are open, which is the limit`,
      );
    }
    return pushStream<HealthCheckResponse>(context, (stream) => {
      this.#watches.set(stream, service);
      stream.send(this.#response(service));
      return { onClose: () => void this.#watches.delete(stream) };
    });
  }

  #response(service: string): HealthCheckResponse {
    return create(HealthCheckResponseSchema, { status: this.#status(service) });
  }

  #status(service: string): ServingStatus {
    if (!this.#services.has(service)) return ServingStatus.SERVICE_UNKNOWN;
    return this.#isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }
}

function checkServiceName(service: string): void {
  // As long as it is in bytes, or shorter: names of services are ASCII.
  if (service.length <= LIMITS.nameBytes) return;
  throw invalidArgument(`service: ${service.length} bytes are more than ${LIMITS.nameBytes}`);
}
