import { create } from '@bufbuild/protobuf';
import { failedPrecondition, SpiderError } from '@spider/core';
import {
  type AssignmentHello,
  AssignmentService,
  type ExchangeRequest,
  type ExchangeResponse,
  ExchangeResponseSchema,
  JobInstancesSchema,
  type JobTasks,
  JobTasksSchema,
  type PullAssignmentsRequest,
  type PullAssignmentsResponse,
  PullAssignmentsResponseSchema,
  TaskContextsSchema,
  TaskKindSchema,
  type TaskReports,
  type WorkerHello,
  type WorkerLoad,
  WorkerService,
} from '@spider/proto';
import {
  handleStream,
  type RpcServer,
  type RpcServerOptions,
  type RpcStream,
  startRpcServer,
} from '@spider/runtime';
import { Changes } from './changes.ts';

type Router = Parameters<NonNullable<RpcServerOptions['routes']>>[0];

export interface ControlPlaneOptions {
  readonly sessionId?: number;
  /** Of the real socket; 0, the default, takes any that is free. */
  readonly port?: number;
  readonly heartbeatIntervalMs?: number;
  /** The number that the first execution manager gets; 1 by default. */
  readonly firstId?: number;
}

export interface IssueOptions {
  readonly packageName?: string;
  readonly functionName?: string;
  readonly hardTimeoutMs?: number;
  /** For each task; by default its index as text. */
  readonly inputs?: readonly Uint8Array[];
}

/** One report, as its sender meant it. */
export interface HeardReport {
  readonly sequence: number;
  readonly taskIndex: number;
  readonly instance: number;
  readonly outcome: number;
  readonly payload: Uint8Array;
}

/**
 * A storage and a scheduler in one, over a real socket, that know nothing and do what a test has
 * them do.
 */
export class ScriptedControlPlane implements AsyncDisposable {
  readonly changes = new Changes();
  readonly registrations: {
    readonly host: string;
    readonly slots: number;
    readonly version: string;
    readonly reconnectMs: number;
  }[] = [];
  readonly deregistrations: number[] = [];
  /** What execution managers said of themselves, one for each stream. */
  readonly hellos: WorkerHello[] = [];
  readonly assignmentHellos: AssignmentHello[] = [];
  readonly leases: JobTasks[] = [];
  readonly reports: HeardReport[] = [];
  /** Messages that carried neither leases nor reports. */
  heartbeats = 0;
  /** What the execution manager had at its last heartbeat. */
  load: WorkerLoad | undefined;
  /** Credit that was granted on the open stream and not used up. */
  credit = 0;
  acknowledgedBatch = 0;
  isDraining = false;
  /** Whether the next hello is answered that its sender is unknown. */
  forgetful = false;
  /** Whether it does not answer those that meet it. */
  isFrozen = false;
  /** What is done with leases and reports beside keeping them. */
  onLeases: (tasks: JobTasks) => void = () => undefined;
  onReports: (sequence: bigint) => void = () => undefined;
  onCredit: () => void = () => undefined;

  readonly #options: ControlPlaneOptions;
  #server: RpcServer | undefined;
  #exchange: RpcStream<ExchangeResponse> | undefined;
  #assignments: RpcStream<PullAssignmentsResponse> | undefined;
  #nextId: number;
  #nextBatch = 1;
  #nextInstance = 1000;

  private constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.#nextId = options.firstId ?? 1;
  }

  static async start(options: ControlPlaneOptions = {}): Promise<ScriptedControlPlane> {
    const plane = new ScriptedControlPlane(options);
    plane.#server = await startRpcServer({
      port: options.port ?? 0,
      routes: (router) => plane.#routes(router),
    });
    return plane;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  /** Whether the streams that an execution manager needs are open. */
  get isConnected(): boolean {
    return this.#exchange !== undefined && this.#assignments !== undefined;
  }

  /** Assigns tasks, whatever the credit. */
  assign(jobId: number, taskIndexes: readonly number[], sessionId = this.#sessionId): void {
    const batch = this.#nextBatch;
    this.#nextBatch += 1;
    this.credit -= taskIndexes.length;
    this.#assignments?.send(
      create(PullAssignmentsResponseSchema, {
        batch: BigInt(batch),
        sessionId: BigInt(sessionId),
        tasks: [toTasks(jobId, taskIndexes)],
      }),
    );
  }

  /** Issues an instance for each task. */
  issue(jobId: number, taskIndexes: readonly number[], options: IssueOptions = {}): void {
    const inputs = options.inputs ?? taskIndexes.map((index) => Buffer.from(String(index)));
    const instances = create(JobInstancesSchema, {
      jobId: BigInt(jobId),
      instanceBase: BigInt(this.#nextInstance),
      taskIndexes: [...taskIndexes],
      instanceOffsets: taskIndexes.map((_, i) => i),
    });
    this.#nextInstance += taskIndexes.length;
    const kind = create(TaskKindSchema, {
      package: options.packageName ?? 'p',
      function: options.functionName ?? 'echo',
      softTimeoutMs: 1_000,
      hardTimeoutMs: options.hardTimeoutMs ?? 300_000,
    });
    const contexts = create(TaskContextsSchema, {
      instances,
      resourceGroupId: 1n,
      kinds: [kind],
      kindPositions: taskIndexes.map(() => 0),
      inputLengths: inputs.map((bytes) => bytes.length),
      inputs: Buffer.concat(inputs),
    });
    this.#exchange?.send(create(ExchangeResponseSchema, { contexts: [contexts] }));
  }

  refuse(jobId: number, taskIndexes: readonly number[]): void {
    const refused = [toTasks(jobId, taskIndexes)];
    this.#exchange?.send(create(ExchangeResponseSchema, { refused }));
  }

  flush(sequence: number | bigint): void {
    const flushedReportSequence = BigInt(sequence);
    this.#exchange?.send(create(ExchangeResponseSchema, { flushedReportSequence }));
  }

  cancel(jobId: number, instance: number): void {
    const instances = create(JobInstancesSchema, {
      jobId: BigInt(jobId),
      instanceBase: BigInt(instance),
      taskIndexes: [0],
      instanceOffsets: [0],
    });
    this.#exchange?.send(create(ExchangeResponseSchema, { cancelled: [instances] }));
  }

  /** Asks the execution manager to end. */
  drain(): void {
    this.#exchange?.send(create(ExchangeResponseSchema, { drain: true }));
  }

  /** Breaks the stream to storage, as a network does. */
  breakExchange(): void {
    this.#exchange?.cancel(new SpiderError('unavailable', 'broken by the test'));
  }

  /** Breaks the stream to the scheduler. */
  breakAssignments(): void {
    this.#assignments?.cancel(new SpiderError('unavailable', 'broken by the test'));
  }

  async close(): Promise<void> {
    await this.#server?.close({ graceMs: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #sessionId(): number {
    return this.#options.sessionId ?? 1;
  }

  #routes(router: Router): void {
    router.service(WorkerService, {
      registerExecutionManager: ({ host, slots, version, reconnectMs }) => {
        this.registrations.push({ host, slots, version, reconnectMs });
        const executionManagerId = BigInt(this.#nextId);
        this.#nextId += 1;
        this.changes.notify();
        return { executionManagerId, sessionId: BigInt(this.#sessionId) };
      },
      deregisterExecutionManager: ({ executionManagerId }) => {
        this.deregistrations.push(Number(executionManagerId));
        this.changes.notify();
        return {};
      },
      exchange: (requests, context) =>
        handleStream(requests, context, (stream: RpcStream<ExchangeResponse>) => ({
          onMessage: (request: ExchangeRequest) => this.#exchanged(stream, request),
          onClose: () => {
            if (this.#exchange === stream) this.#exchange = undefined;
            this.changes.notify();
          },
        })),
    });
    router.service(AssignmentService, {
      pullAssignments: (requests, context) =>
        handleStream(requests, context, (stream: RpcStream<PullAssignmentsResponse>) => ({
          onMessage: (request: PullAssignmentsRequest) => this.#pulled(stream, request),
          onClose: () => {
            if (this.#assignments === stream) this.#assignments = undefined;
            this.changes.notify();
          },
        })),
    });
  }

  #exchanged(stream: RpcStream<ExchangeResponse>, request: ExchangeRequest): void {
    const { hello, leases, reports, reportSequence, load } = request;
    if (hello !== undefined) this.#welcome(stream, hello);
    if (load !== undefined) this.load = load;
    if (hello === undefined && leases.length === 0 && reports.length === 0) this.heartbeats += 1;
    for (const tasks of leases) {
      this.leases.push(tasks);
      this.onLeases(tasks);
    }
    for (const report of reports) this.reports.push(...heard(Number(reportSequence), report));
    if (reports.length > 0) this.onReports(reportSequence);
    this.changes.notify();
  }

  #welcome(stream: RpcStream<ExchangeResponse>, hello: WorkerHello): void {
    this.hellos.push(hello);
    if (this.forgetful) {
      this.forgetful = false;
      throw failedPrecondition(`execution manager ${hello.executionManagerId} is unknown`);
    }
    this.#exchange = stream;
    if (this.isFrozen) return;
    stream.send(
      create(ExchangeResponseSchema, {
        welcome: {
          sessionId: BigInt(this.#sessionId),
          heartbeatIntervalMs: this.#options.heartbeatIntervalMs ?? 1_000,
        },
      }),
    );
  }

  #pulled(stream: RpcStream<PullAssignmentsResponse>, request: PullAssignmentsRequest): void {
    if (request.hello !== undefined) {
      this.assignmentHellos.push(request.hello);
      this.#assignments = stream;
      this.credit = 0;
      this.acknowledgedBatch = 0;
      this.#nextBatch = 1;
    }
    this.credit += request.credit;
    this.isDraining = request.draining;
    if (request.acknowledgedBatch > 0n) this.acknowledgedBatch = Number(request.acknowledgedBatch);
    this.onCredit();
    this.changes.notify();
  }
}

function toTasks(jobId: number, taskIndexes: readonly number[]): JobTasks {
  return create(JobTasksSchema, {
    jobId: BigInt(jobId),
    resourceGroupId: 1n,
    taskIndexes: [...taskIndexes],
  });
}

function heard(sequence: number, report: TaskReports): HeardReport[] {
  const { instances, outcomes, payloadLengths, payloads } = report;
  let end = 0;
  return outcomes.map((outcome, i) => {
    const start = end;
    end += payloadLengths[i] ?? 0;
    return {
      sequence,
      taskIndex: instances?.taskIndexes[i] ?? -1,
      instance: Number(instances?.instanceBase ?? 0n) + (instances?.instanceOffsets[i] ?? 0),
      outcome,
      payload: payloads.subarray(start, end),
    };
  });
}
