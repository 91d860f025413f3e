import { create } from '@bufbuild/protobuf';
import {
  type Labels,
  type ExecutionManagerId,
  LIMITS,
  SessionTracker,
  type SessionId,
  SpiderError,
  TaskOutcome,
  toId,
} from '@spider/core';
import {
  type PullAssignmentsResponse,
  type TaskContexts,
  type WorkerLoad,
  WorkerLoadSchema,
} from '@spider/proto';
import { type Clock, EndpointList, type Logger, type Rng, type Service } from '@spider/runtime';
import { AssignmentPuller } from './assignment/assignment-puller.ts';
import { type AssignmentBatch, LeaseLedger } from './assignment/lease-ledger.ts';
import { ExchangeClient, type ExchangeListener } from './exchange/exchange-client.ts';
import { ExchangeOutbox } from './exchange/exchange-outbox.ts';
import { toJobInstances } from './exchange/held-instances.ts';
import { toInstanceLot } from './exchange/to-instance-lot.ts';
import { type TaskLogSource, TaskLogReads } from './logs/task-log-reads.ts';
import { InstanceKinds } from './machine/instance-kind.ts';
import type { SlotMachineOptions } from './machine/machine-state.ts';
import type { Connect } from './ports.ts';
import type { SpawnExecutor } from './process-pool/executor-process.ts';
import { withoutOversized } from './process-pool/oversized-requests.ts';
import { ProcessPool } from './process-pool/process-pool.ts';
import type { Liveness } from './reconnection.ts';
import { OutcomeReporter } from './report/outcome-reporter.ts';
import { Turn } from './turn.ts';

export interface ExecutionManagerOptions extends SlotMachineOptions {
  /** What a request to an executor may have; default: `LIMITS.executorFrameBytes`. */
  readonly maxMessageBytes?: number | undefined;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly connect: Connect;
  readonly spawn: SpawnExecutor;
  /** How people recognise this machine. */
  readonly host: string;
  /** Of this program, for people to see. */
  readonly version: string;
  /** What jobs may require. None by default. */
  readonly labels?: Labels;
  /** The only resource groups whose jobs it runs; none, the default, stands for all. */
  readonly resourceGroupIds?: readonly number[];
  /** URLs of storage, of which any may be the active one. */
  readonly storageEndpoints: readonly string[];
  /** URLs of the scheduler, of which any may be the active one. */
  readonly schedulerEndpoints: readonly string[];
  readonly liveness: Liveness;
  /** What tasks have printed, for storage to ask for; by default it is told that nothing is kept. */
  readonly taskLogs?: TaskLogSource | undefined;
  /** How long `drain` may take; what is not done by then runs elsewhere. */
  readonly drainTimeoutMs: number;
}

/**
 * One machine's part in the work: pulls assigned tasks from the scheduler, leases them at storage,
 * runs them in its executors, and reports how they ended until storage has that for good.
 */
export class ExecutionManagerService implements Service {
  readonly #options: ExecutionManagerOptions;
  readonly #kinds = new InstanceKinds();
  readonly #session = new SessionTracker();
  readonly #reporter: OutcomeReporter;
  readonly #ledger: LeaseLedger;
  readonly #outbox: ExchangeOutbox;
  readonly #exchange: ExchangeClient;
  readonly #puller: AssignmentPuller;
  readonly #pool: ProcessPool;
  readonly #turn: Turn;
  readonly #logReads: TaskLogReads;
  readonly #drainRequested = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<ExecutionManagerId>();
  #executionManagerId: ExecutionManagerId | undefined;
  #isPoolUp = false;
  #isDraining = false;
  #onFlushed: (() => void) | undefined;

  constructor(options: ExecutionManagerOptions) {
    this.#options = options;
    const { clock } = options;
    this.#reporter = new OutcomeReporter({
      clock,
      onGathered: () => this.#turn.schedule(),
      onBacklog: (full) => this.#pool.handle({ type: 'backlog', full }),
    });
    this.#ledger = new LeaseLedger((batch) => this.#puller.acknowledge(batch));
    this.#outbox = new ExchangeOutbox(this.#reporter, this.#ledger);
    this.#exchange = new ExchangeClient({
      ...options,
      endpoints: new EndpointList(options.storageEndpoints),
      endpointCount: options.storageEndpoints.length,
      outbox: this.#outbox,
      listener: this.#exchangeListener(),
    });
    this.#puller = new AssignmentPuller({
      ...options,
      endpoints: new EndpointList(options.schedulerEndpoints),
      listener: {
        connected: () => this.#pool.handle({ type: 'credit-void' }),
        assigned: (batch, response) => this.#assigned(batch, response),
      },
    });
    this.#pool = new ProcessPool({ ...options, outcomes: this.#reporter, source: this.#puller });
    this.#logReads = new TaskLogReads(options.taskLogs, (piece) => this.#exchange.answer(piece));
    this.#turn = new Turn(clock, () => this.#exchange.flush());
    // Whoever waits for it also runs the service, and learns from that if it never comes.
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves with its id when it is registered and all executors are up. */
  get ready(): Promise<ExecutionManagerId> {
    return this.#ready.promise;
  }

  /** Resolves when storage wants this execution manager to drain and to end. */
  get drainRequested(): Promise<void> {
    return this.#drainRequested.promise;
  }

  /**
   * Rejects if the executors do not come up at the start, or if storage refuses the execution
   * manager for good. A storage or scheduler that is away is waited for.
   */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    try {
      await Promise.all([this.#startPool(both), this.#exchange.run(both), this.#puller.run(both)]);
    } catch (error) {
      this.#ready.reject(error);
      throw error;
    } finally {
      stop.abort();
    }
  }

  /**
   * Takes nothing more, gives back what was not begun, finishes what runs, waits until its reports
   * are flushed, and says goodbye to storage. Gives up after `drainTimeoutMs`.
   */
  async drain(): Promise<void> {
    const { clock, logger, drainTimeoutMs } = this.#options;
    const deadline = new AbortController();
    const timer = clock.setTimer(drainTimeoutMs, () => {
      deadline.abort(
        new SpiderError('cancelled', `not drained within ${drainTimeoutMs} ms; the rest is lost`),
      );
    });
    try {
      await orAborted(this.#drain(deadline.signal), deadline.signal);
    } catch (error) {
      logger.warn('drained only in part', { error });
    } finally {
      timer.cancel();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }

  async #startPool(signal: AbortSignal): Promise<void> {
    // One that is stopped early does not wait for executors that may never come up.
    const isUp = await Promise.race([this.#pool.start().then(() => true), whenAborted(signal)]);
    if (!isUp) return;
    this.#isPoolUp = true;
    this.#join();
  }

  /** Work is asked for once there is somebody to do it. */
  #join(): void {
    if (this.#executionManagerId === undefined || !this.#isPoolUp) return;
    this.#puller.identify(this.#executionManagerId);
    this.#ready.resolve(this.#executionManagerId);
  }

  async #drain(signal: AbortSignal): Promise<void> {
    this.#isDraining = true;
    this.#puller.drain();
    await this.#pool.drain();
    if (!this.#reporter.isEmpty) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onFlushed = resolve;
      await promise;
    }
    await this.#exchange.deregister(signal);
  }

  #assigned(batch: AssignmentBatch, { sessionId, tasks }: PullAssignmentsResponse): void {
    const isStale = sessionId < this.#session.current;
    let count = 0;
    let leases = 0;
    for (const group of tasks) {
      count += group.taskIndexes.length;
      if (isStale) continue;
      this.#ledger.add(batch, group);
      leases += group.taskIndexes.length;
      this.#outbox.lease(group);
    }
    this.#pool.handle({ type: 'assigned', count, leases });
    if (batch.unanswered === 0) this.#puller.acknowledge(batch);
    else this.#turn.schedule();
  }

  #exchangeListener(): ExchangeListener {
    return {
      registered: (executionManagerId) => {
        this.#executionManagerId = toId<ExecutionManagerId>(executionManagerId);
        this.#join();
      },
      welcomed: (sessionId) => void this.#session.tryAdvance(sessionId as SessionId),
      contexts: (contexts) => this.#leased(contexts),
      refused: ({ jobId, taskIndexes }) => this.#refused(jobId, taskIndexes),
      flushed: (reportSequence) => {
        this.#reporter.flushed(reportSequence);
        if (this.#reporter.isEmpty) this.#onFlushed?.();
      },
      cancelled: ({ jobId, instanceBase, instanceOffsets }) =>
        this.#pool.handle({ type: 'cancel', jobId, instanceBase, instanceOffsets }),
      disowned: () => this.#disowned(),
      held: () => toJobInstances(this.#pool.held(), this.#options.clock.monotonicUs()),
      load: () => this.#load(),
      drain: () => this.#drainRequested.resolve(),
      logRead: (read) => this.#logReads.take(read),
      streamEnded: () => this.#logReads.endAll(),
    };
  }

  #load(): WorkerLoad {
    const { running, waiting } = this.#pool.count();
    return create(WorkerLoadSchema, {
      runningTasks: running,
      waitingTasks: waiting,
      unflushedReports: this.#reporter.kept.count,
      draining: this.#isDraining,
    });
  }

  /** @throws SpiderError 'resource-exhausted', which ends the stream, if there is no end of them. */
  #leased(contexts: TaskContexts): void {
    const { clock, maxMessageBytes = LIMITS.executorFrameBytes } = this.#options;
    if (this.#pool.queued > LIMITS.assignmentCredit) {
      throw new SpiderError('resource-exhausted', 'contexts: more than were ever asked for');
    }
    const lot = toInstanceLot(contexts, this.#kinds, clock.monotonicUs());
    const { count, askedAtUs } = this.#ledger.answered(lot.jobId, lot.taskIndexes);
    this.#pool.handle({
      type: 'leased',
      lot: withoutOversized(lot, maxMessageBytes, (position, message) =>
        this.#reporter.failed(lot, position, TaskOutcome.FailedForGood, message, 0),
      ),
      answered: count,
      roundTripUs: askedAtUs === undefined ? undefined : clock.monotonicUs() - askedAtUs,
    });
  }

  #refused(jobId: bigint, taskIndexes: readonly number[]): void {
    const { count } = this.#ledger.answered(jobId, taskIndexes);
    this.#pool.handle({ type: 'refused', count });
  }

  #disowned(): void {
    this.#executionManagerId = undefined;
    this.#puller.identify(undefined);
    this.#pool.handle({ type: 'disown' });
    this.#ledger.clear();
    this.#reporter.clear();
    this.#onFlushed?.();
  }
}

/** Resolves with false when the signal is aborted. */
function whenAborted(signal: AbortSignal): Promise<false> {
  const { promise, resolve } = Promise.withResolvers<false>();
  if (signal.aborted) resolve(false);
  else signal.addEventListener('abort', () => resolve(false), { once: true });
  return promise;
}

/** Settles as the promise does, or rejects with the signal's reason if that comes first. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  return Promise.race([promise, aborted]);
}
