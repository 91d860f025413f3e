import { TestStorage } from '../../src/testing/test-storage.ts';
import type { TestStorageOptions } from '../../src/testing/test-storage.ts';
import { bytes, message, parseMessage, submessage, uint } from './protobuf.ts';
import type { Field, Message } from './protobuf.ts';
import { RawClient } from './raw-client.ts';
import type { RawAnswer, RawCall } from './raw-client.ts';
import { frame, graphJson, zstd } from './reference-graph.ts';
import type { GraphShape } from './reference-graph.ts';

/** The methods by their short names. */
const SERVICES: Record<string, string> = {
  RegisterJob: 'JobOrchestrationService',
  StartJob: 'JobOrchestrationService',
  CancelJob: 'JobOrchestrationService',
  GetJobState: 'JobOrchestrationService',
  GetJobOutputs: 'JobOrchestrationService',
  GetJobError: 'JobOrchestrationService',
  RegisterTaskInstance: 'TaskInstanceManagementService',
  ReportTaskSuccess: 'TaskInstanceManagementService',
  ReportTaskFailure: 'TaskInstanceManagementService',
  PollReadyTasks: 'InboundQueueService',
  PollReadyCommitTasks: 'InboundQueueService',
  PollReadyCleanupTasks: 'InboundQueueService',
  AddResourceGroup: 'ResourceGroupManagementService',
  VerifyResourceGroup: 'ResourceGroupManagementService',
  RegisterExecutionManager: 'ExecutionManagerLivenessService',
  UpdateExecutionManagerHeartbeat: 'ExecutionManagerLivenessService',
  RegisterScheduler: 'SchedulerRegistrationService',
  GetSchedulers: 'SchedulerRegistrationService',
  GetSession: 'SessionManagementService',
};

export const METHODS: readonly string[] = Object.keys(SERVICES);

/** States of jobs by their numbers on the wire. */
export const State = {
  Ready: 1n,
  Running: 2n,
  CommitReady: 3n,
  CleanupReady: 4n,
  Succeeded: 5n,
  Failed: 6n,
  Cancelled: 7n,
} as const;

/** Names of tasks on the wire. */
export const index = (value: number | bigint): Buffer => message([1, value]);
export const COMMIT = message([2, '']);
export const CLEANUP = message([3, '']);

/** Indexes that no task of one or two has. */
export const UNKNOWN_INDEXES = [2n, 2n ** 32n - 2n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 64n - 1n];

/** The group that is there from the start. */
export const GROUP = 1;

/** A task instance, and who runs it. */
export interface Lease {
  readonly job: bigint;
  readonly task: Buffer;
  readonly instance: bigint;
  readonly manager: bigint;
  readonly context: Message;
}

/** Storage, and the reference's clients, schedulers and execution managers in one. */
export class ReferenceWorld implements AsyncDisposable {
  readonly storage: TestStorage;
  readonly client: RawClient;
  readonly session: bigint;

  private constructor(storage: TestStorage) {
    this.storage = storage;
    this.client = new RawClient(storage.server.url);
    this.session = storage.service.sessionId;
  }

  static async start(options: TestStorageOptions = {}): Promise<ReferenceWorld> {
    return new ReferenceWorld(await TestStorage.start(options));
  }

  /** Calls a method by its short name. */
  async call(method: string, ...fields: readonly Field[]): Promise<RawAnswer> {
    return await this.open(method, ...fields).answer;
  }

  open(method: string, ...fields: readonly Field[]): RawCall {
    return this.client.open(pathOf(method), message(...fields));
  }

  /** As `call`, for one that must go well. */
  async ok(method: string, ...fields: readonly Field[]): Promise<Message> {
    const { code, message: text, body } = await this.call(method, ...fields);
    if (code !== 0) throw new Error(`${method} was answered ${code}: ${text}`);
    return parseMessage(body);
  }

  /** Registers a job whose inputs are all the number 42. */
  async registerJob(graph: GraphShape, group = GROUP): Promise<bigint> {
    const inputs = graph.tasks.flatMap((task) =>
      task.sources === undefined ? Array.from({ length: task.inputs }, () => Buffer.of(42)) : [],
    );
    const registered = await this.ok(
      'RegisterJob',
      [1, group],
      [2, zstd(graphJson(graph))],
      [3, zstd(frame(...inputs))],
    );
    return uint(registered, 1);
  }

  async startJob(graph: GraphShape): Promise<bigint> {
    const job = await this.registerJob(graph);
    await this.ok('StartJob', [1, job]);
    return job;
  }

  async state(job: bigint): Promise<bigint> {
    return uint(await this.ok('GetJobState', [1, job]), 1);
  }

  /** Why a job failed. */
  async error(job: bigint): Promise<string | undefined> {
    return bytes(await this.ok('GetJobError', [1, job]), 1)?.toString();
  }

  async registerManager(): Promise<bigint> {
    const response = await this.ok('RegisterExecutionManager', [1, '127.0.0.1']);
    return uint(submessage(response, 1), 1);
  }

  /** Asks for an instance, and answers whatever comes. */
  async tryLease(job: bigint, task: Buffer, manager: bigint): Promise<RawAnswer> {
    return await this.call(
      'RegisterTaskInstance',
      [1, job],
      [2, task],
      [3, manager],
      [4, this.session],
    );
  }

  async lease(job: bigint, task: Buffer, manager?: bigint): Promise<Lease> {
    const by = manager ?? (await this.registerManager());
    const { code, message: text, body } = await this.tryLease(job, task, by);
    if (code !== 0) throw new Error(`the lease was answered ${code}: ${text}`);
    const context = submessage(parseMessage(body), 1);
    return { job, task, manager: by, instance: uint(context, 1), context };
  }

  async succeed(lease: Lease, outputs: Uint8Array): Promise<RawAnswer> {
    return await this.call('ReportTaskSuccess', ...reportFields(lease, this.session), [6, outputs]);
  }

  async fail(lease: Lease, error: string): Promise<RawAnswer> {
    return await this.call('ReportTaskFailure', ...reportFields(lease, this.session), [6, error]);
  }

  /** The tasks that a poll brings at once, each as its job and name. */
  async poll(method = 'PollReadyTasks', max = 1000, waitMs = 0): Promise<[bigint, string][]> {
    const response = await this.ok(method, [1, max], [2, waitMs]);
    return polledTasks(response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    await this.storage[Symbol.asyncDispose]();
  }
}

export function pathOf(method: string): string {
  const service = SERVICES[method];
  if (service === undefined) throw new Error(`${method} is no method`);
  return `storage.${service}/${method}`;
}

/** Job and task of each entry in a poll's response. */
export const polledTasks = (response: Message): [bigint, string][] =>
  (submessage(response, 1).get(2) ?? []).map((entry) => {
    const fields = parseMessage(entry as Buffer);
    return [uint(fields, 2), bytes(fields, 3)?.toString('hex') ?? 'missing'];
  });

/** The fields of a report but the last, which says how it went. */
export const reportFields = (
  { job, task, instance, manager }: Omit<Lease, 'context'>,
  session: bigint,
): Field[] => [
  [1, job],
  [2, task],
  [3, instance],
  [4, manager],
  [5, session],
];
