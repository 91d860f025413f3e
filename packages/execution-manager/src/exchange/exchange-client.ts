import { create } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { PROTOCOL_VERSION, SpiderError } from '@spider/core';
import {
  checkExchangeResponse,
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  fromConnectError,
  type JobInstances,
  type JobTasks,
  type TaskContexts,
  type TaskLogPiece,
  type TaskLogRead,
  WorkerService,
  type WorkerLoad,
  type WorkerWelcome,
} from '@spider/proto';
import {
  type Clock,
  type EndpointList,
  type Logger,
  openStream,
  type Rng,
  type RpcStream,
  type Timer,
  createRpcClient,
} from '@spider/runtime';
import type { Connect } from '../ports.ts';
import { type Liveness, Reconnection, reconnectWithinMs } from '../reconnection.ts';
import type { ExchangeOutbox } from './exchange-outbox.ts';
import { Heartbeat } from './heartbeat.ts';

/** What storage has to say, in the order in which it said it. */
export interface ExchangeListener {
  /** Storage knows us, under this number, from now on. */
  registered(executionManagerId: bigint): void;
  /** A stream is open. */
  welcomed(sessionId: bigint): void;
  contexts(contexts: TaskContexts): void;
  refused(tasks: JobTasks): void;
  /** Reports up to this number are durable. */
  flushed(reportSequence: number): void;
  cancelled(instances: JobInstances): void;
  /** Storage has given us up and all that we hold; we register as somebody new. */
  disowned(): void;
  /** What we hold and have not reported of. */
  held(): JobInstances[];
  /** What we have at this moment. */
  load(): WorkerLoad;
  /** We are to drain and to end. */
  drain(): void;
  /** Storage reads what a task has printed. */
  logRead(read: TaskLogRead): void;
  /** The stream is over, and with it what storage reads. */
  streamEnded(): void;
}

export interface ExchangeClientOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly connect: Connect;
  readonly endpoints: EndpointList;
  /** How people recognise this machine. */
  readonly host: string;
  readonly slots: number;
  /** Of this program. */
  readonly version: string;
  readonly liveness: Liveness;
  /** How many storages there may be. */
  readonly endpointCount: number;
  readonly outbox: ExchangeOutbox;
  readonly listener: ExchangeListener;
}

/** Keeps one Exchange stream to storage open, whatever becomes of storage. */
export class ExchangeClient {
  readonly #options: ExchangeClientOptions;
  readonly #heartbeat: Heartbeat;
  readonly #reconnection: Reconnection;
  #executionManagerId: bigint | undefined;
  #isLeaving = false;
  #sentLoad: WorkerLoad | undefined;
  #stream: RpcStream<ExchangeRequest> | undefined;
  /** Ends an attempt that is not answered. */
  #attempt: Timer | undefined;

  constructor(options: ExchangeClientOptions) {
    this.#options = options;
    this.#reconnection = new Reconnection({ ...options, peer: 'storage' });
    const { clock, liveness, listener } = options;
    this.#heartbeat = new Heartbeat({
      clock,
      beat: () => this.#beat(),
      hasNews: () => !isSameLoad(this.#sentLoad, listener.load()),
      ping: () => this.#ping(),
      silenceMs: liveness.silenceMs,
      onSilence: () => this.#leave(`it said nothing for ${liveness.silenceMs} ms`),
    });
  }

  /**
   * Registers, opens the stream, and does so again whenever it breaks. Resolves when the signal is
   * aborted or we have left; rejects if storage refuses us for good.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, listener } = this.#options;
    while (!signal.aborted) {
      this.#reconnection.begin();
      const failure = await this.#serve(signal);
      if (signal.aborted || this.#isLeaving) return;
      if (isFinal(failure, this.#executionManagerId)) throw failure;
      if (isDisowned(failure) && this.#executionManagerId !== undefined) {
        logger.warn('storage has given this execution manager up', { reason: failure.message });
        this.#executionManagerId = undefined;
        listener.disowned();
      }
      await this.#reconnection.lost(failure, signal);
    }
  }

  /** Sends what has gathered, if there is a stream. What is not sent now is when there is one. */
  flush(): void {
    for (const request of this.#options.outbox.take()) this.#send(request);
  }

  /** Answers a read of a task's log, on the stream that it came on. */
  answer(piece: TaskLogPiece): void {
    this.#send(create(ExchangeRequestSchema, { logPieces: [piece] }));
  }

  /** Says goodbye, for good. What is still held runs elsewhere at once. */
  async deregister(signal: AbortSignal): Promise<void> {
    const executionManagerId = this.#executionManagerId;
    this.#isLeaving = true;
    if (executionManagerId === undefined) return;
    await this.#client().deregisterExecutionManager({ executionManagerId }, { signal });
  }

  /** Registers if need be, and keeps a stream open until it breaks. Answers why it did. */
  async #serve(signal: AbortSignal): Promise<SpiderError> {
    try {
      const client = this.#client();
      this.#executionManagerId ??= await this.#register(client, signal);
      return await this.#converse(client, this.#executionManagerId, signal);
    } catch (error) {
      return fromConnectError(error);
    }
  }

  async #register(client: Client<typeof WorkerService>, signal: AbortSignal): Promise<bigint> {
    const { host, slots, version, liveness, endpointCount, listener } = this.#options;
    const reconnectMs = reconnectWithinMs(liveness, endpointCount);
    const { executionManagerId } = await client.registerExecutionManager(
      { host, slots, version, reconnectMs, protocolVersion: PROTOCOL_VERSION },
      { signal },
    );
    listener.registered(executionManagerId);
    return executionManagerId;
  }

  async #converse(
    client: Client<typeof WorkerService>,
    executionManagerId: bigint,
    signal: AbortSignal,
  ): Promise<SpiderError> {
    const { clock, logger, liveness, listener, outbox } = this.#options;
    const { promise, resolve } = Promise.withResolvers<SpiderError>();
    const stream = openStream<ExchangeResponse, ExchangeRequest>(
      (requests, options) => client.exchange(requests, options),
      {
        onMessage: (response) => this.#receive(response),
        onClose: (reason) =>
          resolve(reason ?? new SpiderError('unavailable', 'storage is stopping')),
      },
      { logger },
    );
    const stop = (): void => stream.cancel();
    signal.addEventListener('abort', stop);
    this.#stream = stream;
    this.#sentLoad = undefined;
    this.#attempt = clock.setTimer(liveness.attemptMs, () =>
      stream.cancel(new SpiderError('unavailable', `no answer within ${liveness.attemptMs} ms`)),
    );
    for (const request of outbox.opening(executionManagerId, listener.held())) this.#send(request);
    const reason = await promise;
    this.#stream = undefined;
    listener.streamEnded();
    this.#attempt.cancel();
    this.#heartbeat.stop();
    signal.removeEventListener('abort', stop);
    return reason;
  }

  #client(): Client<typeof WorkerService> {
    const { connect, endpoints } = this.#options;
    return createRpcClient(WorkerService, connect(endpoints.current));
  }

  /** A peer that does not answer on one stream does not on the others of the connection either. */
  #leave(reason: string): void {
    const { connect, endpoints } = this.#options;
    this.#stream?.cancel(new SpiderError('unavailable', reason));
    connect(endpoints.current).close();
  }

  #send(request: ExchangeRequest): void {
    if (this.#stream?.send(request) === true) this.#heartbeat.sent();
  }

  #beat(): void {
    const load = this.#options.listener.load();
    this.#sentLoad = load;
    this.#send(create(ExchangeRequestSchema, { load }));
  }

  #ping(): void {
    const { connect, endpoints } = this.#options;
    const stream = this.#stream;
    connect(endpoints.current).ping(() => {
      if (this.#stream === stream) this.#heartbeat.heard();
    });
  }

  /** @throws SpiderError 'invalid-argument', which ends the stream. */
  #receive(response: ExchangeResponse): void {
    const { listener } = this.#options;
    this.#heartbeat.heard();
    checkExchangeResponse(response);
    if (response.welcome !== undefined) this.#welcome(response.welcome);
    if (response.flushedReportSequence > 0n) {
      listener.flushed(Number(response.flushedReportSequence));
    }
    // A cancellation is of an instance that was issued before, perhaps in this very message.
    for (const contexts of response.contexts) listener.contexts(contexts);
    for (const tasks of response.refused) listener.refused(tasks);
    for (const instances of response.cancelled) listener.cancelled(instances);
    if (response.drain) listener.drain();
    for (const read of response.logReads) listener.logRead(read);
  }

  #welcome({ sessionId, heartbeatIntervalMs: intervalMs, silenceMs }: WorkerWelcome): void {
    this.#attempt?.cancel();
    this.#reconnection.worked();
    this.#heartbeat.start({ intervalMs, silenceMs });
    this.#options.listener.welcomed(sessionId);
  }
}

function isSameLoad(one: WorkerLoad | undefined, other: WorkerLoad): boolean {
  return (
    one !== undefined &&
    one.runningTasks === other.runningTasks &&
    one.waitingTasks === other.waitingTasks &&
    one.unflushedReports === other.unflushedReports &&
    one.draining === other.draining
  );
}

/** Storage does not know our number, or no more. */
function isDisowned(failure: SpiderError): boolean {
  return failure.code === 'failed-precondition' || failure.code === 'not-found';
}

const FINAL_CODES: ReadonlySet<string> = new Set([
  'invalid-argument',
  'unauthenticated',
  'permission-denied',
]);

/** No endpoint would ever take us with what we say of ourselves. */
function isFinal(failure: SpiderError, executionManagerId: bigint | undefined): boolean {
  if (executionManagerId !== undefined) return false;
  return FINAL_CODES.has(failure.code);
}
