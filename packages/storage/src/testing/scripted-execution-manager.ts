import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import type { Transport } from '@connectrpc/connect';
import { encodeFrame, PROTOCOL_VERSION, TaskOutcome } from '@spider/core';
import { ExchangeRequestSchema, WorkerService } from '@spider/proto';
import type {
  ExchangeRequest,
  ExchangeResponse,
  TaskLogPieceSchema,
  TaskLogRead,
} from '@spider/proto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { openStream } from '@spider/runtime';
import type { RpcStream } from '@spider/runtime';
import { Inbox } from './inbox.ts';

/** One task instance as an execution manager knows it. */
export interface LeasedTask {
  readonly jobId: bigint;
  readonly taskIndex: number;
  readonly instance: bigint;
  readonly kind: string;
  readonly inputs: Uint8Array;
}

export interface Report {
  readonly jobId: bigint;
  readonly taskIndex: number;
  readonly instance: bigint;
  readonly outcome?: TaskOutcome;
  readonly payload?: Uint8Array;
  /** Milliseconds since the epoch; 1 by default. */
  readonly startedAtMs?: number;
  /** Of one that is held: how long ago it was issued. */
  readonly ageMs?: number;
}

/** An execution manager that does what a test says, over the wire. */
export class ScriptedExecutionManager {
  readonly id: bigint;
  readonly inbox = new Inbox<ExchangeResponse>();
  readonly stream: RpcStream<ExchangeRequest>;
  #sequence: bigint;
  #logReads = 0;

  constructor(transport: Transport, id: bigint, lastSequence = 0n) {
    this.id = id;
    this.#sequence = lastSequence;
    const client = createClient(WorkerService, transport);
    this.stream = openStream((requests, options) => client.exchange(requests, options), {
      onMessage: (message: ExchangeResponse) => this.inbox.push(message),
      onClose: (reason) => this.inbox.close(reason),
    });
  }

  static async register(transport: Transport, slots = 4): Promise<ScriptedExecutionManager> {
    const client = createClient(WorkerService, transport);
    const { executionManagerId } = await client.registerExecutionManager({ host: 'test', slots });
    return await ScriptedExecutionManager.connect(transport, executionManagerId);
  }

  /** Opens a stream, saying what is held. */
  static async connect(
    transport: Transport,
    id: bigint,
    options: {
      readonly held?: readonly Report[];
      readonly lastSequence?: bigint;
      /** How many reports follow that it keeps. */
      readonly kept?: number;
      /** Ours by default. */
      readonly protocolVersion?: number;
    } = {},
  ): Promise<ScriptedExecutionManager> {
    const manager = new ScriptedExecutionManager(transport, id, options.lastSequence);
    const { held = [], kept = 0, protocolVersion = PROTOCOL_VERSION } = options;
    manager.send({
      hello: {
        executionManagerId: id,
        protocolVersion,
        held: held.map(toInstances),
        lastReportSequence: kept === 0 ? 0n : manager.lastSequence + BigInt(kept),
      },
    });
    await manager.inbox.first(({ welcome }) => welcome);
    return manager;
  }

  get lastSequence(): bigint {
    return this.#sequence;
  }

  send(request: MessageInitShape<typeof ExchangeRequestSchema>): void {
    this.stream.send(create(ExchangeRequestSchema, request));
  }

  /** Asks for instances of tasks of one job, without waiting for the answer. */
  askFor(jobId: bigint, taskIndexes: number[]): void {
    this.send({ leases: [{ jobId, taskIndexes }] });
  }

  /** Asks for an instance of each task and waits for all of them. */
  async lease(
    tasks: readonly { readonly jobId: bigint; readonly taskIndex: number }[],
  ): Promise<LeasedTask[]> {
    const seen = this.leased.length;
    this.send({
      leases: tasks.map(({ jobId, taskIndex }) => ({ jobId, taskIndexes: [taskIndex] })),
    });
    await this.inbox.first(() => (this.leased.length >= seen + tasks.length ? true : undefined));
    return this.leased.slice(seen, seen + tasks.length);
  }

  /** All instances that were issued on this stream, in order. */
  get leased(): LeasedTask[] {
    return this.inbox.all.flatMap(({ contexts }) => contexts.flatMap(toLeasedTasks));
  }

  /** All leases that were refused on this stream, in order. */
  get refused(): { readonly jobId: bigint; readonly taskIndex: number }[] {
    return this.inbox.all.flatMap(({ refused }) =>
      refused.flatMap(({ jobId, taskIndexes }) =>
        taskIndexes.map((taskIndex) => ({ jobId, taskIndex })),
      ),
    );
  }

  /** Reports attempts in one message. Answers its number. */
  report(reports: readonly Report[]): bigint {
    this.#sequence += 1n;
    this.send({
      reportSequence: this.#sequence,
      reports: reports.map(({ outcome, payload, startedAtMs = 1, ...instance }) => ({
        instances: toInstances(instance),
        outcomes: [outcome ?? TaskOutcome.Succeeded],
        payloadLengths: [payload?.length ?? 0],
        payloads: payload ?? new Uint8Array(0),
        startedBaseMs: BigInt(startedAtMs),
        startedOffsetsMs: [0],
        elapsedUs: [5],
      })),
    });
    return this.#sequence;
  }

  /** Reports the success of tasks, each with these outputs. */
  succeed(tasks: readonly LeasedTask[], outputs: readonly Uint8Array[]): bigint {
    const payload = encodeFrame(outputs);
    return this.report(
      tasks.map(({ jobId, taskIndex, instance }) => ({ jobId, taskIndex, instance, payload })),
    );
  }

  /** The next read of a task's log that was not taken before. */
  async logRead(): Promise<TaskLogRead> {
    const at = this.#logReads;
    this.#logReads += 1;
    return await this.inbox.first(() => this.inbox.all.flatMap(({ logReads }) => logReads)[at]);
  }

  /** Answers a read of a task's log. */
  tell(piece: MessageInitShape<typeof TaskLogPieceSchema>): void {
    this.send({ logPieces: [piece] });
  }

  /** Resolves when storage says that all reports up to this number are durable. */
  async flushed(sequence: bigint): Promise<void> {
    await this.inbox.first((message) =>
      message.flushedReportSequence >= sequence ? true : undefined,
    );
  }
}

function toInstances({ jobId, taskIndex, instance, ageMs = 0 }: Report): {
  jobId: bigint;
  instanceBase: bigint;
  taskIndexes: number[];
  instanceOffsets: number[];
  ageMs: number;
} {
  const instances = { jobId, instanceBase: instance, taskIndexes: [taskIndex] };
  return { ...instances, instanceOffsets: [0], ageMs };
}

function toLeasedTasks(contexts: ExchangeResponse['contexts'][number]): LeasedTask[] {
  const { instances, kinds, kindPositions, inputLengths, inputs } = contexts;
  if (instances === undefined) return [];
  let start = 0;
  return instances.taskIndexes.map((taskIndex, at) => {
    const kind = kinds[kindPositions[at] ?? 0];
    const end = start + (inputLengths[at] ?? 0);
    const leased = {
      jobId: instances.jobId,
      taskIndex,
      instance: instances.instanceBase + BigInt(instances.instanceOffsets[at] ?? 0),
      kind: `${kind?.package}/${kind?.function}`,
      inputs: inputs.slice(start, end),
    };
    start = end;
    return leased;
  });
}
