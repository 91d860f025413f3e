import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import type { Transport } from '@connectrpc/connect';
import {
  ExchangeRequestSchema,
  PullReadyTasksRequestSchema,
  ReadyTaskService,
  WireTaskOutcome,
  WorkerService,
} from '@spider/proto';
import type {
  ExchangeRequest,
  ExchangeResponse,
  PullReadyTasksRequest,
  PullReadyTasksResponse,
} from '@spider/proto';
import { openStream } from '@spider/runtime';
import type { RpcStream } from '@spider/runtime';

export interface LoadCrewOptions {
  readonly managers: number;
  /** The wire frame that each task returns. */
  readonly outputs: Uint8Array;
  /** How many instances of a task, which had so many before, are asked for at a time; 1 by default. */
  readonly instances?: (task: number, earlier: number) => number;
  /** Whether an instance of a task, which had so many before, fails; none does by default. */
  readonly fails?: (task: number, earlier: number) => boolean;
  /** Is told how many tasks have been handed out, before they are leased. */
  readonly onHandedOut?: (total: number) => void;
}

const TASKS_PER_BATCH = 32;
const ERROR_MESSAGE = new TextEncoder().encode('it broke');

type Contexts = ExchangeResponse['contexts'][number];

/** A scheduler and many execution managers, each on a stream, that work on whatever is ready. */
export class LoadCrew {
  readonly #options: LoadCrewOptions;
  readonly #managers: RpcStream<ExchangeRequest>[] = [];
  readonly #sequences: bigint[] = [];
  readonly #asked = new Map<number, number>();
  #scheduler: RpcStream<PullReadyTasksRequest> | undefined;
  #handedOut = 0;
  #next = 0;
  /** How many instances of each task were issued. */
  readonly issued = new Map<number, number>();
  /** Why a stream was closed, of those that were. */
  readonly closed: unknown[] = [];

  private constructor(options: LoadCrewOptions) {
    this.#options = options;
  }

  static async start(transport: Transport, options: LoadCrewOptions): Promise<LoadCrew> {
    const crew = new LoadCrew(options);
    for (let at = 0; at < options.managers; at++) await crew.#addManager(transport, at);
    crew.#schedule(transport);
    return crew;
  }

  stop(): void {
    this.#scheduler?.cancel();
    for (const manager of this.#managers) manager.cancel();
  }

  async #addManager(transport: Transport, at: number): Promise<void> {
    const client = createClient(WorkerService, transport);
    const { executionManagerId } = await client.registerExecutionManager({
      host: `load ${at}`,
      slots: TASKS_PER_BATCH,
    });
    const stream: RpcStream<ExchangeRequest> = openStream(
      (requests, options) => client.exchange(requests, options),
      {
        onMessage: ({ contexts }: ExchangeResponse) => this.#work(at, contexts),
        onClose: (reason) => this.closed.push(reason),
      },
    );
    stream.send(create(ExchangeRequestSchema, { hello: { executionManagerId } }));
    this.#managers.push(stream);
    this.#sequences.push(0n);
  }

  #schedule(transport: Transport): void {
    const client = createClient(ReadyTaskService, transport);
    const stream: RpcStream<PullReadyTasksRequest> = openStream(
      (requests, options) => client.pullReadyTasks(requests, options),
      {
        onMessage: ({ ready }: PullReadyTasksResponse) => {
          for (const { jobId, taskIndexes } of ready) {
            for (let at = 0; at < taskIndexes.length; at += TASKS_PER_BATCH) {
              this.#deal(jobId, taskIndexes.slice(at, at + TASKS_PER_BATCH));
            }
          }
        },
        onClose: (reason) => this.closed.push(reason),
      },
    );
    const hello = { host: 'load', port: 1 };
    stream.send(create(PullReadyTasksRequestSchema, { hello, credit: 1_000_000 }));
    this.#scheduler = stream;
  }

  /** Each instance of a task is asked for by another execution manager. */
  #deal(jobId: bigint, tasks: readonly number[]): void {
    this.#handedOut += tasks.length;
    this.#options.onHandedOut?.(this.#handedOut);
    const wanted = tasks.map((task) => {
      const earlier = this.#asked.get(task) ?? 0;
      const count = this.#options.instances?.(task, earlier) ?? 1;
      this.#asked.set(task, earlier + count);
      return count;
    });
    for (let instance = 0; instance < Math.max(...wanted); instance++) {
      const taskIndexes = tasks.filter((_, at) => (wanted[at] ?? 0) > instance);
      this.#send(this.#next++, { leases: [{ jobId, taskIndexes }] });
    }
  }

  #work(manager: number, contexts: readonly Contexts[]): void {
    const reports = contexts.map((ofJob) => this.#report(ofJob));
    if (reports.length === 0) return;
    const reportSequence = (this.#sequences[manager] ?? 0n) + 1n;
    this.#sequences[manager] = reportSequence;
    this.#send(manager, { reportSequence, reports });
  }

  #report({
    instances,
  }: Contexts): NonNullable<MessageInitShape<typeof ExchangeRequestSchema>['reports']>[number] {
    const tasks = instances?.taskIndexes ?? [];
    const areFailures = tasks.map((task) => {
      const earlier = this.issued.get(task) ?? 0;
      this.issued.set(task, earlier + 1);
      return this.#options.fails?.(task, earlier) ?? false;
    });
    const payloads = areFailures.map((isFailure) =>
      isFailure ? ERROR_MESSAGE : this.#options.outputs,
    );
    return {
      ...(instances && { instances }),
      outcomes: areFailures.map((isFailure) =>
        isFailure ? WireTaskOutcome.FAILED : WireTaskOutcome.SUCCEEDED,
      ),
      payloadLengths: payloads.map(({ length }) => length),
      payloads: Buffer.concat(payloads),
      startedBaseMs: 1n,
      startedOffsetsMs: tasks.map(() => 0),
      elapsedUs: tasks.map(() => 5),
    };
  }

  #send(manager: number, request: MessageInitShape<typeof ExchangeRequestSchema>): void {
    this.#managers[manager % this.#managers.length]?.send(create(ExchangeRequestSchema, request));
  }
}
