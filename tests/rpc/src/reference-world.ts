import { zstdCompressSync } from 'node:zlib';
import type { Answer, GrpcClient } from './grpc-client.ts';
import type { PlainMessage } from './schema.ts';

/** A task in the reference's JSON; each input and output is an Int64. */
export interface GraphTask {
  readonly inputs: number;
  readonly outputs: number;
  /** Sources of the inputs: task and position. Without them they are inputs of the job. */
  readonly sources?: readonly (readonly [task: number, position: number])[];
  readonly policy?: object;
}

export interface GraphShape {
  readonly tasks: readonly GraphTask[];
  readonly commit?: boolean;
  readonly cleanup?: boolean;
}

/** One task, which takes a number and returns one. */
export const ONE_TASK: GraphShape = { tasks: [{ inputs: 1, outputs: 1 }] };

/** Two such tasks, of which the second takes what the first returns. */
export const TWO_IN_A_ROW: GraphShape = {
  tasks: [
    { inputs: 1, outputs: 1 },
    { inputs: 1, outputs: 1, sources: [[0, 0]] },
  ],
};

const INT64 = { Value: { Primitive: { Int: 'Int64' } } };

const termination = (name: string, isWanted = false): object | null =>
  isWanted ? { tdl_context: { package: 'p', task_func: name } } : null;

/** A task graph as the reference's clients write it, before it is compressed. */
export const graphJson = ({ tasks, commit, cleanup }: GraphShape): string =>
  JSON.stringify({
    schema_version: '0.1.0',
    tasks: tasks.map(({ inputs, outputs, sources, policy }) => ({
      tdl_context: { package: 'p', task_func: 'f' },
      ...(policy && { execution_policy: policy }),
      inputs: Array.from({ length: inputs }, () => INT64),
      outputs: Array.from({ length: outputs }, () => INT64),
      input_sources: sources?.map(([task_idx, position]) => ({ task_idx, position })) ?? null,
    })),
    commit_task: termination('commit', commit),
    cleanup_task: termination('cleanup', cleanup),
  });

export const zstd = (bytes: string | Uint8Array): Buffer => zstdCompressSync(bytes);

/** A wire frame: a count, and each payload after its length. */
export function frame(...payloads: readonly Uint8Array[]): Buffer {
  const parts = payloads.flatMap((payload) => [uint32(payload.length), payload]);
  return Buffer.concat([uint32(payloads.length), ...parts]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** The number 42 as the only payload: inputs, and outputs, of tasks with one of them. */
export const FORTY_TWO = frame(Buffer.of(42));

/** States of jobs, by their names and numbers on the wire. */
export const STATES = {
  READY: 1,
  RUNNING: 2,
  COMMIT_READY: 3,
  CLEANUP_READY: 4,
  SUCCEEDED: 5,
  FAILED: 6,
  CANCELLED: 7,
} as const;
export type StateName = keyof typeof STATES;

/** Names of tasks on the wire. */
export const index = (value: number | string): PlainMessage => ({ index: String(value) });
export const COMMIT: PlainMessage = { commit: {} };
export const CLEANUP: PlainMessage = { cleanup: {} };

/** A task instance, and who runs it. */
export interface Lease {
  readonly jobId: string;
  readonly taskId: PlainMessage;
  readonly executionManagerId: string;
  readonly sessionId: string;
  readonly taskInstanceId: string;
}

/** The reference's client, scheduler and execution manager in one. */
export class ReferenceWorld {
  readonly client: GrpcClient;
  /** The current one. */
  readonly sessionId: string;

  private constructor(client: GrpcClient, sessionId: string) {
    this.client = client;
    this.sessionId = sessionId;
  }

  static async enter(client: GrpcClient): Promise<ReferenceWorld> {
    const { response } = await client.call('GetSession', {});
    return new ReferenceWorld(client, String(response['sessionId']));
  }

  call(method: string, request: PlainMessage): Promise<Answer> {
    return this.client.call(method, request);
  }

  /** As `call`, for one that must go well. */
  async ok(method: string, request: PlainMessage): Promise<PlainMessage> {
    const { code, text, response } = await this.call(method, request);
    if (code !== 'OK') throw new Error(`${method} was answered ${code}: ${text}`);
    return response;
  }

  /** A request for a job whose inputs are all the number 42; group 1 is there from the start. */
  jobRequest(graph: GraphShape): PlainMessage {
    const inputs = graph.tasks.flatMap((task) =>
      task.sources === undefined ? Array.from({ length: task.inputs }, () => Buffer.of(42)) : [],
    );
    return {
      resourceGroupId: '1',
      compressedSerializedTaskGraph: zstd(graphJson(graph)),
      compressedSerializedInputs: zstd(frame(...inputs)),
    };
  }

  async registerJob(graph: GraphShape = ONE_TASK): Promise<string> {
    const { jobId } = await this.ok('RegisterJob', this.jobRequest(graph));
    return String(jobId);
  }

  async startJob(graph: GraphShape = ONE_TASK): Promise<string> {
    const jobId = await this.registerJob(graph);
    await this.ok('StartJob', { jobId });
    return jobId;
  }

  /** A job in this state; its tasks are as far as that takes. */
  async jobIn(state: StateName): Promise<string> {
    switch (state) {
      case 'READY':
        return await this.registerJob();
      case 'RUNNING':
        return await this.startJob();
      case 'COMMIT_READY': {
        const jobId = await this.startJob({ ...ONE_TASK, commit: true });
        await this.succeed(await this.lease(jobId, index(0)));
        return jobId;
      }
      case 'CLEANUP_READY': {
        const jobId = await this.startJob({ ...ONE_TASK, cleanup: true });
        await this.ok('CancelJob', { jobId });
        return jobId;
      }
      case 'SUCCEEDED': {
        const jobId = await this.startJob();
        await this.succeed(await this.lease(jobId, index(0)));
        return jobId;
      }
      case 'FAILED': {
        const jobId = await this.startJob();
        await this.fail(await this.lease(jobId, index(0)));
        return jobId;
      }
      case 'CANCELLED': {
        const jobId = await this.startJob();
        await this.ok('CancelJob', { jobId });
        return jobId;
      }
      default:
        return state satisfies never;
    }
  }

  async registerManager(): Promise<string> {
    const { registration } = await this.ok('RegisterExecutionManager', { ipAddress: '127.0.0.1' });
    return String((registration as PlainMessage)['executionManagerId']);
  }

  /** What it takes to ask for an instance. */
  async leaseRequest(jobId: string, taskId: PlainMessage): Promise<Omit<Lease, 'taskInstanceId'>> {
    const executionManagerId = await this.registerManager();
    return { jobId, taskId, executionManagerId, sessionId: this.sessionId };
  }

  async lease(jobId: string, taskId: PlainMessage): Promise<Lease> {
    const request = await this.leaseRequest(jobId, taskId);
    const { executionContext } = await this.ok('RegisterTaskInstance', { ...request });
    const taskInstanceId = String((executionContext as PlainMessage)['taskInstanceId']);
    return { ...request, taskInstanceId };
  }

  async succeed(lease: Lease, serializedOutputs = FORTY_TWO): Promise<void> {
    await this.ok('ReportTaskSuccess', { ...lease, serializedOutputs });
  }

  async fail(lease: Lease, errorMessage = 'it broke'): Promise<void> {
    await this.ok('ReportTaskFailure', { ...lease, errorMessage });
  }

  async state(jobId: string): Promise<number> {
    return Number((await this.ok('GetJobState', { jobId }))['state']);
  }
}
