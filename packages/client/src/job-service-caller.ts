import type { DescService } from '@bufbuild/protobuf';
import type { CallOptions, Client } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';
import { fromConnectError, JobService } from '@spider/proto';
import type { CallIdentity } from './login.ts';
import {
  backoffDelayMs,
  type ClientTls,
  type Clock,
  createTransport,
  DEFAULT_BACKOFF,
  EndpointList,
  type Rng,
  type RpcTransport,
  createRpcClient,
} from '@spider/runtime';

export type JobServiceClient = Client<typeof JobService>;

export interface CallerOptions {
  readonly endpoints: readonly string[];
  readonly clock: Clock;
  readonly rng: Rng;
  /** Whose all calls are; nobody's by default. */
  readonly identity?: CallIdentity | undefined;
  /** For https:// endpoints. */
  readonly tls?: ClientTls | undefined;
}

export interface RetryBound {
  /** How often every endpoint is tried; Infinity never gives up. */
  readonly maxRounds: number;
  readonly signal?: AbortSignal | undefined;
}

/** What storage says of a token begins with the name of the metadata that it came in. */
const TOKEN_REFUSED = 'authorization: ';

/** Reaches the job service at one of several endpoints, and goes on to the next when one is gone. */
export class JobServiceCaller implements Disposable {
  readonly #endpoints: EndpointList;
  readonly #identity: CallIdentity | undefined;
  readonly #endpointCount: number;
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #transports = new Map<string, RpcTransport>();
  readonly #closing = new AbortController();

  constructor({ endpoints, clock, rng, identity, tls }: CallerOptions) {
    this.#identity = identity;
    this.#endpoints = new EndpointList(endpoints);
    this.#endpointCount = endpoints.length;
    this.#clock = clock;
    this.#rng = rng;
    for (const url of endpoints) this.#transports.set(url, createTransport({ url, tls }));
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
    const anySignal = AbortSignal.any([call.signal, this.#anySignal(signal)]);
    try {
      const options = await this.#callOptions(url, anySignal);
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
    const attempt = async (): Promise<T> => {
      const options = await this.#callOptions(url, this.#anySignal(signal));
      return await operation(this.#clientAt(service, url), options);
    };
    try {
      return await attempt().catch((error: unknown) => {
        if (!this.#mayLogInAgain(error)) throw error;
        return attempt();
      });
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

  async #callOptions(url: string, signal: AbortSignal): Promise<CallOptions> {
    const headers = await this.#identity?.headers(this.#transportTo(url), { signal });
    return headers === undefined ? { signal } : { signal, headers };
  }

  /** A token may have become worthless before its time, with the database that it was made with. */
  #mayLogInAgain(error: unknown): boolean {
    if (this.#identity === undefined) return false;
    const { code, message } = fromConnectError(error);
    // Not that of a call which is about a password.
    if (code !== 'unauthenticated' || !message.startsWith(TOKEN_REFUSED)) return false;
    return this.#identity.forget();
  }

  #anySignal(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
  }

  #clientAt<Service extends DescService>(service: Service, url: string): Client<Service> {
    return createRpcClient(service, this.#transportTo(url));
  }

  #transportTo(url: string): RpcTransport {
    const transport = this.#transports.get(url);
    if (transport === undefined) throw new SpiderError('internal', `no transport leads to ${url}`);
    return transport;
  }

  #describeEndpoints(): string {
    return [...this.#transports.keys()].join(' or ');
  }
}
