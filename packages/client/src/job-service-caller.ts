import type { DescService } from '@bufbuild/protobuf';
import { type CallOptions, type Client, createClient } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';
import { fromConnectError, JobService } from '@spider/proto';
import {
  backoffDelayMs,
  type Clock,
  createTransport,
  DEFAULT_BACKOFF,
  EndpointList,
  type Rng,
  type RpcTransport,
} from '@spider/runtime';

export type JobServiceClient = Client<typeof JobService>;

export interface CallerOptions {
  readonly endpoints: readonly string[];
  readonly clock: Clock;
  readonly rng: Rng;
}

export interface RetryBound {
  /** How often every endpoint is tried; Infinity never gives up. */
  readonly maxRounds: number;
  readonly signal?: AbortSignal | undefined;
}

/** Reaches the job service at one of several endpoints, and goes on to the next when one is gone. */
export class JobServiceCaller implements Disposable {
  readonly #endpoints: EndpointList;
  readonly #endpointCount: number;
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #transports = new Map<string, RpcTransport>();
  readonly #closing = new AbortController();

  constructor({ endpoints, clock, rng }: CallerOptions) {
    this.#endpoints = new EndpointList(endpoints);
    this.#endpointCount = endpoints.length;
    this.#clock = clock;
    this.#rng = rng;
    for (const url of endpoints) this.#transports.set(url, createTransport({ url }));
  }

  /**
   * Calls once. An endpoint that does not answer is left: the next call goes to another.
   *
   * @throws SpiderError, or the signal's reason if it is aborted.
   */
  callOnce<T>(
    operation: (client: JobServiceClient, options: CallOptions) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.#callOnce(JobService, operation, signal);
  }

  /** As `callOnce`, for a call that is answered by a stream. Whoever stops reading it ends the call. */
  async *stream<T>(
    operation: (client: JobServiceClient, options: CallOptions) => AsyncIterable<T>,
    signal?: AbortSignal,
  ): AsyncGenerator<T, void> {
    const url = this.#endpoints.current;
    const call = new AbortController();
    const options = { signal: AbortSignal.any([call.signal, this.#anySignal(signal)]) };
    try {
      for await (const message of operation(this.#clientAt(JobService, url), options)) {
        this.#endpoints.reportSuccess();
        yield message;
      }
    } catch (error) {
      throw this.#failure(url, error, signal);
    } finally {
      call.abort();
    }
  }

  /**
   * Calls until there is an answer: at the other endpoints at once, then with growing pauses. Only for
   * what does no harm when it happens twice.
   */
  call<T>(
    operation: (client: JobServiceClient, options: CallOptions) => Promise<T>,
    bound: RetryBound,
  ): Promise<T> {
    return this.callService(JobService, operation, bound);
  }

  /** As `call`, for another service that storage offers at the same endpoints. */
  async callService<Service extends DescService, T>(
    service: Service,
    operation: (client: Client<Service>, options: CallOptions) => Promise<T>,
    bound: RetryBound,
  ): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        return await this.#callOnce(service, operation, bound.signal);
      } catch (error) {
        await this.pauseAfter(error, failures, bound);
      }
    }
  }

  /**
   * Waits until it makes sense to try again.
   *
   * @param failures in a row, the one of this error included.
   * @throws the error if trying again is pointless or has been done often enough; the signal's reason
   * if it is aborted.
   */
  async pauseAfter(error: unknown, failures: number, bound: RetryBound): Promise<void> {
    const signal = this.#anySignal(bound.signal);
    signal.throwIfAborted();
    if (!(error instanceof SpiderError) || error.code !== 'unavailable') throw error;
    const rounds = Math.floor(failures / this.#endpointCount);
    if (rounds >= bound.maxRounds) {
      throw new SpiderError(
        'unavailable',
        `no storage answers (${error.message}): check that one runs at ${this.#describeEndpoints()}`,
        { cause: error },
      );
    }
    if (rounds === 0) return;
    const delayMs = backoffDelayMs(rounds - 1, DEFAULT_BACKOFF, this.#rng);
    await this.#clock.sleep(delayMs, { signal });
  }

  /** All endpoints, in the order in which they were given. */
  get urls(): readonly string[] {
    return [...this.#transports.keys()];
  }

  /**
   * Calls once, at one endpoint.
   *
   * @throws SpiderError, or the signal's reason if it is aborted.
   */
  async callAt<Service extends DescService, T>(
    url: string,
    service: Service,
    operation: (client: Client<Service>, options: CallOptions) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    try {
      return await operation(this.#clientAt(service, url), { signal: this.#anySignal(signal) });
    } catch (error) {
      throw this.#failure(url, error, signal);
    }
  }

  /** Breaks off what is under way; whoever waits for it gets a SpiderError 'cancelled'. */
  [Symbol.dispose](): void {
    this.#closing.abort(new SpiderError('cancelled', 'the client was closed'));
    for (const transport of this.#transports.values()) transport.close();
  }

  async #callOnce<Service extends DescService, T>(
    service: Service,
    operation: (client: Client<Service>, options: CallOptions) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const answer = await this.callAt(this.#endpoints.current, service, operation, signal);
    this.#endpoints.reportSuccess();
    return answer;
  }

  /** What a failed call is to throw. */
  #failure(url: string, cause: unknown, signal: AbortSignal | undefined): unknown {
    const aborted = this.#anySignal(signal);
    if (aborted.aborted) return aborted.reason;
    const error = fromConnectError(cause);
    // Another call may have left the endpoint already.
    if (error.code === 'unavailable' && url === this.#endpoints.current) {
      this.#endpoints.reportFailure();
    }
    return error;
  }

  #anySignal(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
  }

  #clientAt<Service extends DescService>(service: Service, url: string): Client<Service> {
    const transport = this.#transports.get(url);
    if (transport === undefined) throw new SpiderError('internal', `no transport leads to ${url}`);
    return createClient(service, transport);
  }

  #describeEndpoints(): string {
    return [...this.#transports.keys()].join(' or ');
  }
}
