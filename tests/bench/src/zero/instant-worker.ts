import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';

import {
  AssignmentHelloSchema,
  AssignmentService,
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  type PullAssignmentsRequest,
  PullAssignmentsRequestSchema,
  type PullAssignmentsResponse,
  type TaskContexts,
  type TaskReports,
  TaskReportsSchema,
  WorkerHelloSchema,
  WireTaskOutcome,
  WorkerService,
} from '@spider/proto';
import { createTransport, openStream, type RpcStream, type RpcTransport } from '@spider/runtime';
import { CANNED_OUTPUTS } from '../workload/canned-outputs.ts';

/** Tasks that may be here or on their way here. */
const CREDIT = 4_096;
/** Credit is given back in pieces of at least this. */
const CREDIT_STEP = 512;
const SLOTS = 2;

/** What the tasks of one message return. */
export interface TaskOutputs {
  /** Wire frames, one after another. */
  readonly payloads: Uint8Array;
  readonly payloadLengths: number[];
}

export interface InstantWorkerOptions {
  /** An execution manager that is registered already, and holds nothing. Default: a new one. */
  readonly executionManagerId?: bigint;
  /** Runs the tasks of a message. Default: all of them return the canned outputs. */
  readonly run?: (contexts: TaskContexts) => TaskOutputs;
  /** Leases nothing more once so many tasks are reported. Default: no end. */
  readonly enough?: number;
}

/**
 * An execution manager without executors: every task it is assigned is leased, and reported as
 * succeeded, at once. What remains is the control plane.
 */
export class InstantWorker implements AsyncDisposable {
  readonly executionManagerId: bigint;
  /** Tasks that were reported. */
  reported = 0;
  /** Resolves when the first task is here, to be run. */
  readonly firstTask: Promise<void>;
  /** Resolves when it has done enough, and all its reports are flushed. */
  readonly done: Promise<void>;
  /** Rejects when a stream ends. */
  readonly failed: Promise<never>;

  readonly #run: (contexts: TaskContexts) => TaskOutputs;
  readonly #enough: number;
  readonly #firstTask = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<void>();
  readonly #transport: RpcTransport;
  readonly #failure = Promise.withResolvers<never>();
  readonly #exchange: RpcStream<ExchangeRequest>;
  readonly #assignments: RpcStream<PullAssignmentsRequest>;
  #heartbeat: NodeJS.Timeout | undefined;
  #sequence = 0n;
  #unsentCredit = 0;
  /** Leases are answered in order; a batch is done with when as many are answered as it goes up to. */
  #leased = 0;
  #answered = 0;
  readonly #batches: { readonly batch: bigint; readonly upTo: number }[] = [];
  #acknowledged = 0n;
  #isClosed = false;

  static async start(url: string, options: InstantWorkerOptions = {}): Promise<InstantWorker> {
    const transport = createTransport({ url });
    const id = options.executionManagerId ?? (await register(transport));
    return new InstantWorker(transport, id, options);
  }

  private constructor(transport: RpcTransport, id: bigint, options: InstantWorkerOptions) {
    const { run = runNothing, enough = Infinity } = options;
    this.executionManagerId = id;
    this.#transport = transport;
    this.#run = run;
    this.#enough = enough;
    this.firstTask = this.#firstTask.promise;
    this.done = this.#done.promise;
    this.failed = this.#failure.promise;
    this.failed.catch(() => undefined);
    const storage = createClient(WorkerService, transport);
    const scheduler = createClient(AssignmentService, transport);
    const onClose = (reason: Error | undefined): void => {
      if (!this.#isClosed) this.#failure.reject(reason ?? new Error('a stream has ended'));
    };
    this.#exchange = openStream<ExchangeResponse, ExchangeRequest>(
      (requests, options) => storage.exchange(requests, options),
      { onMessage: (message) => this.#answer(message), onClose },
    );
    this.#assignments = openStream<PullAssignmentsResponse, PullAssignmentsRequest>(
      (requests, options) => scheduler.pullAssignments(requests, options),
      { onMessage: (message) => this.#lease(message), onClose },
    );
    const hello = create(WorkerHelloSchema, { executionManagerId: id, pings: true });
    this.#exchange.send(create(ExchangeRequestSchema, { hello }));
    this.#assignments.send(
      create(PullAssignmentsRequestSchema, {
        hello: create(AssignmentHelloSchema, { executionManagerId: id, slots: SLOTS }),
        credit: CREDIT,
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#heartbeat);
    this.#assignments.cancel();
    this.#exchange.cancel();
    this.#transport[Symbol.dispose]();
    await Promise.resolve();
  }

  #lease({ batch, tasks }: PullAssignmentsResponse): void {
    if (this.reported >= this.#enough) return;
    for (const { taskIndexes } of tasks) this.#leased += taskIndexes.length;
    this.#batches.push({ batch, upTo: this.#leased });
    this.#exchange.send(create(ExchangeRequestSchema, { leases: tasks }));
  }

  #answer({ welcome, contexts, refused, flushedReportSequence }: ExchangeResponse): void {
    if (welcome !== undefined) this.#beat(welcome.silenceMs);
    for (const { taskIndexes } of refused) this.#dealtWith(taskIndexes.length);
    if (contexts.length > 0) this.#report(contexts);
    this.#acknowledge();
    const isEnough = this.reported >= this.#enough && this.#answered === this.#leased;
    if (isEnough && flushedReportSequence === this.#sequence) this.#done.resolve();
  }

  #report(contexts: readonly TaskContexts[]): void {
    this.#firstTask.resolve();
    this.#sequence += 1n;
    const reports = contexts.map((context) => succeeded(context, this.#run(context)));
    this.#exchange.send(create(ExchangeRequestSchema, { reports, reportSequence: this.#sequence }));
    for (const { outcomes } of reports) {
      this.reported += outcomes.length;
      this.#dealtWith(outcomes.length);
    }
  }

  #dealtWith(tasks: number): void {
    this.#answered += tasks;
    this.#unsentCredit += tasks;
  }

  #acknowledge(): void {
    for (
      let [first] = this.#batches;
      first && first.upTo <= this.#answered;
      [first] = this.#batches
    ) {
      this.#acknowledged = first.batch;
      this.#batches.shift();
    }
    const isIdle = this.#batches.length === 0;
    if (this.#unsentCredit === 0 || (this.#unsentCredit < CREDIT_STEP && !isIdle)) return;
    this.#assignments.send(
      create(PullAssignmentsRequestSchema, {
        acknowledgedBatch: this.#acknowledged,
        credit: this.#unsentCredit,
      }),
    );
    this.#unsentCredit = 0;
  }

  #beat(silenceMs: number): void {
    this.#heartbeat = setInterval(
      () => this.#exchange.send(create(ExchangeRequestSchema, { load: { waitingTasks: 1 } })),
      // As execution managers do.
      silenceMs / 2,
    );
  }
}

async function register(transport: RpcTransport): Promise<bigint> {
  const client = createClient(WorkerService, transport);
  const worker = await client.registerExecutionManager({ host: 'bench', slots: SLOTS });
  return worker.executionManagerId;
}

function succeeded({ instances }: TaskContexts, outputs: TaskOutputs): TaskReports {
  const count = instances?.taskIndexes.length ?? 0;
  return create(TaskReportsSchema, {
    ...(instances && { instances }),
    ...outputs,
    outcomes: new Array<WireTaskOutcome>(count).fill(WireTaskOutcome.SUCCEEDED),
    startedBaseMs: 1n,
    startedOffsetsMs: new Array<number>(count).fill(0),
    elapsedUs: new Array<number>(count).fill(0),
  });
}

function runNothing({ instances }: TaskContexts): TaskOutputs {
  const count = instances?.taskIndexes.length ?? 0;
  const payloadLengths = new Array<number>(count).fill(CANNED_OUTPUTS.length);
  return { payloads: cannedOutputs(count), payloadLengths };
}

let canned: Uint8Array = CANNED_OUTPUTS;

function cannedOutputs(count: number): Uint8Array {
  const length = count * CANNED_OUTPUTS.length;
  if (canned.length < length) {
    canned = new Uint8Array(length);
    for (let i = 0; i < count; i++) canned.set(CANNED_OUTPUTS, i * CANNED_OUTPUTS.length);
  }
  return canned.subarray(0, length);
}
