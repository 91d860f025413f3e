import { create } from '@bufbuild/protobuf';
import { type Labels, PROTOCOL_VERSION, SpiderError } from '@spider/core';
import {
  AssignmentHelloSchema,
  AssignmentService,
  checkAssignments,
  type PullAssignmentsRequest,
  PullAssignmentsRequestSchema,
  type PullAssignmentsResponse,
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
import { Reconnection } from '../reconnection.ts';
import { Turn } from '../turn.ts';
import { AcknowledgedBatches } from './acknowledged-batches.ts';
import type { AssignmentBatch } from './lease-ledger.ts';

/** An acknowledgement waits so long for credit that goes to the scheduler anyway … */
const ACKNOWLEDGE_WITHIN_MS = 20;
/** … unless it is of so many batches. */
const ACKNOWLEDGE_BATCHES = 16;

export interface AssignmentListener {
  /** There is a stream with no credit on it yet. */
  connected(): void;
  /** Tasks were assigned. Their batch is to be given to `acknowledge` once it is dealt with. */
  assigned(batch: AssignmentBatch, response: PullAssignmentsResponse): void;
}

export interface AssignmentPullerOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly connect: Connect;
  readonly endpoints: EndpointList;
  readonly slots: number;
  readonly labels?: Labels;
  readonly resourceGroupIds?: readonly number[];
  readonly listener: AssignmentListener;
}

/** Keeps one stream of assignments from a scheduler open, whatever becomes of the scheduler. */
export class AssignmentPuller {
  readonly #options: AssignmentPullerOptions;
  readonly #turn: Turn;
  readonly #reconnection: Reconnection;
  #stream: RpcStream<PullAssignmentsRequest> | undefined;
  #batches = new AcknowledgedBatches();
  #executionManagerId: bigint | undefined;
  /** What the scheduler may still send. */
  #openCredit = 0;
  #unsentCredit = 0;
  #isDraining = false;
  /** Whether we have closed the stream ourselves, to open another one. */
  #isRestarting = false;
  #acknowledgement: Timer | undefined;
  #wake: (() => void) | undefined;

  constructor(options: AssignmentPullerOptions) {
    this.#options = options;
    this.#turn = new Turn(options.clock, () => this.#flush());
    this.#reconnection = new Reconnection({ ...options, peer: 'the scheduler' });
  }

  /** Pulls under this number from now on; undefined: under none, so not at all. */
  identify(executionManagerId: bigint | undefined): void {
    this.#executionManagerId = executionManagerId;
    this.#restart();
    this.#wake?.();
  }

  /** Asks for so many more tasks. */
  grant(credit: number): void {
    this.#unsentCredit += credit;
    this.#turn.schedule();
  }

  /** Makes the scheduler forget all credit: streams end with it. */
  withdraw(): void {
    this.#restart();
  }

  /** The leases of a batch are answered, or it was dropped for good. */
  acknowledge(batch: AssignmentBatch): void {
    if (!this.#batches.complete(batch)) return;
    if (this.#batches.untaken >= ACKNOWLEDGE_BATCHES) this.#turn.schedule();
    else this.#acknowledgement ??= this.#scheduleAcknowledgement();
  }

  /** Takes nothing more. */
  drain(): void {
    this.#isDraining = true;
    this.#turn.schedule();
  }

  /** Resolves when the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#identified(signal);
      if (signal.aborted) return;
      this.#reconnection.begin();
      const failure = await this.#converse(signal);
      if (signal.aborted) return;
      if (!this.#isRestarting) await this.#reconnection.lost(failure, signal);
      this.#isRestarting = false;
    }
  }

  async #identified(signal: AbortSignal): Promise<void> {
    while (this.#executionManagerId === undefined && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener('abort', this.#wake);
      await promise;
      signal.removeEventListener('abort', this.#wake);
      this.#wake = undefined;
    }
  }

  async #converse(signal: AbortSignal): Promise<SpiderError> {
    const { logger, connect, endpoints, slots, listener } = this.#options;
    const { labels = {}, resourceGroupIds = [] } = this.#options;
    const executionManagerId = this.#executionManagerId ?? 0n;
    const client = createRpcClient(AssignmentService, connect(endpoints.current));
    const { promise, resolve } = Promise.withResolvers<SpiderError>();
    const stream = openStream<PullAssignmentsResponse, PullAssignmentsRequest>(
      (requests, options) => client.pullAssignments(requests, options),
      {
        onMessage: (response) => this.#receive(response),
        onClose: (reason) =>
          resolve(reason ?? new SpiderError('unavailable', 'the scheduler is stopping')),
      },
      { logger },
    );
    const stop = (): void => stream.cancel();
    signal.addEventListener('abort', stop);
    this.#stream = stream;
    this.#batches = new AcknowledgedBatches();
    this.#openCredit = 0;
    this.#unsentCredit = 0;
    stream.send(
      create(PullAssignmentsRequestSchema, {
        hello: create(AssignmentHelloSchema, {
          executionManagerId,
          slots,
          labels,
          resourceGroupIds: resourceGroupIds.map(BigInt),
          protocolVersion: PROTOCOL_VERSION,
        }),
        draining: this.#isDraining,
      }),
    );
    listener.connected();
    const reason = await promise;
    this.#stream = undefined;
    signal.removeEventListener('abort', stop);
    return reason;
  }

  /** @throws SpiderError 'invalid-argument' or 'resource-exhausted', which ends the stream. */
  #receive(response: PullAssignmentsResponse): void {
    const { clock, listener } = this.#options;
    checkAssignments(response);
    this.#reconnection.worked();
    const count = response.tasks.reduce((sum, tasks) => sum + tasks.taskIndexes.length, 0);
    if (count > this.#openCredit) {
      throw new SpiderError(
        'resource-exhausted',
        `tasks: ${count} were assigned where ${this.#openCredit} were asked for`,
      );
    }
    this.#openCredit -= count;
    const batch: AssignmentBatch = {
      number: Number(response.batch),
      askedAtUs: clock.monotonicUs(),
      unanswered: 0,
    };
    this.#batches.open(batch);
    // What we take nothing of is assigned elsewhere.
    if (!this.#isDraining) listener.assigned(batch, response);
  }

  #scheduleAcknowledgement(): Timer {
    return this.#options.clock.setTimer(ACKNOWLEDGE_WITHIN_MS, () => this.#flush());
  }

  #flush(): void {
    const stream = this.#stream;
    this.#acknowledgement?.cancel();
    this.#acknowledgement = undefined;
    if (stream === undefined) return;
    const credit = this.#isDraining ? 0 : this.#unsentCredit;
    const acknowledgedBatch = this.#batches.takeNewest();
    this.#openCredit += credit;
    this.#unsentCredit = 0;
    const request = create(PullAssignmentsRequestSchema);
    request.credit = credit;
    request.acknowledgedBatch = BigInt(acknowledgedBatch);
    request.draining = this.#isDraining;
    stream.send(request);
  }

  #restart(): void {
    if (this.#stream === undefined) return;
    this.#isRestarting = true;
    this.#stream.cancel();
  }
}
