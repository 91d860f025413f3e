import type { Answer, GrpcClient } from '../grpc-client.ts';
import type { PlainMessage, Schema } from '../schema.ts';
import type { RequestMaker } from './request-maker.ts';

type Task = Readonly<Record<'jobId' | 'taskId', unknown>>;

/**
 * A client, scheduler and execution manager of the reference that work: they take jobs to where hostile
 * calls alone would hardly get them. Each step is one call.
 */
export class HonestPeer {
  readonly #client: GrpcClient;
  readonly #schema: Schema;
  readonly #make: RequestMaker;
  #executionManagerId: unknown;
  #ready: Task[] = [];
  #leases: PlainMessage[] = [];

  constructor(client: GrpcClient, schema: Schema, make: RequestMaker) {
    this.#client = client;
    this.#schema = schema;
    this.#make = make;
  }

  /** Answers the method and how it went. */
  async step(): Promise<readonly [path: string, answer: Answer]> {
    const { draw } = this.#make;
    if (this.#executionManagerId === undefined) return await this.#register();
    if (this.#leases.length > 0 && draw.chance(0.4)) return await this.#report();
    if (this.#ready.length > 0) return await this.#lease();
    return draw.chance(0.4) ? await this.#start() : await this.#poll();
  }

  async #call(path: string, request: PlainMessage): Promise<readonly [string, Answer]> {
    const method = this.#schema.methods.find((candidate) => candidate.path === path);
    if (method === undefined) throw new Error(`there is no ${path}`);
    return [path, await this.#client.open(method, request).answer];
  }

  async #register(): Promise<readonly [string, Answer]> {
    const path = '/storage.ExecutionManagerLivenessService/RegisterExecutionManager';
    const result = await this.#call(path, { ipAddress: '127.0.0.1' });
    const { registration } = result[1].response as { registration?: PlainMessage };
    this.#executionManagerId = registration?.['executionManagerId'];
    return result;
  }

  async #start(): Promise<readonly [string, Answer]> {
    const service = '/spider.v1.JobService';
    const result = await this.#call(`${service}/SubmitJob`, this.#make.soundJob());
    this.#make.known.learn(result[1].response);
    return result;
  }

  async #poll(): Promise<readonly [string, Answer]> {
    const lane = this.#make.draw.pick([
      'PollReadyTasks',
      'PollReadyTasks',
      'PollReadyCommitTasks',
      'PollReadyCleanupTasks',
    ]);
    const result = await this.#call(`/storage.InboundQueueService/${lane}`, { maxItems: '4' });
    const { tasks } = result[1].response as { tasks?: { tasks: Task[] } };
    this.#ready.push(...(tasks?.tasks ?? []));
    return result;
  }

  async #lease(): Promise<readonly [string, Answer]> {
    const { jobId, taskId } = this.#ready.shift() as Task;
    const executionManagerId = this.#executionManagerId;
    const sessionId = this.#make.known.pickId(this.#make.draw, 'sessionId');
    const lease = { jobId, taskId, executionManagerId, sessionId };
    const path = '/storage.TaskInstanceManagementService/RegisterTaskInstance';
    const result = await this.#call(path, lease);
    const { executionContext } = result[1].response as { executionContext?: PlainMessage };
    if (executionContext !== undefined) {
      this.#leases.push({ ...lease, taskInstanceId: executionContext['taskInstanceId'] });
    } else if (result[1].text.includes('is not alive')) {
      this.#executionManagerId = undefined;
    }
    return result;
  }

  async #report(): Promise<readonly [string, Answer]> {
    const lease = this.#leases.shift();
    const service = '/storage.TaskInstanceManagementService';
    if (this.#make.draw.chance(0.15)) {
      return await this.#call(`${service}/ReportTaskFailure`, { ...lease, errorMessage: 'no' });
    }
    const serializedOutputs = this.#make.outputs();
    return await this.#call(`${service}/ReportTaskSuccess`, { ...lease, serializedOutputs });
  }
}
