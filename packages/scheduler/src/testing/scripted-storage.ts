import { invalidArgument } from '@spider/core';
import {
  type ExecutionManagerPool,
  type PullReadyTasksRequest,
  type PullReadyTasksResponse,
  ReadyTaskService,
  type SchedulerHello,
} from '@spider/proto';
import { handleStream, type RpcServer, type RpcStream, startRpcServer } from '@spider/runtime';

import { Changes } from './changes.ts';

/** A storage that knows nothing but how to hand out what a test gives it, over a real socket. */
export class ScriptedStorage implements AsyncDisposable {
  readonly sessionId: number;
  readonly changes = new Changes();
  /** What schedulers said of themselves, one for each stream. */
  readonly hellos: SchedulerHello[] = [];
  /** Credit that was granted on the open stream and not used up. */
  credit = 0;
  /** Pools that are open, the newest one last: it gets what is ready. */
  pools: ExecutionManagerPool[] = [];
  /** Tasks that were given back: `job:index` of each. */
  readonly returned: string[] = [];
  #server: RpcServer | undefined;
  #stream: RpcStream<PullReadyTasksResponse> | undefined;

  private constructor(sessionId: number) {
    this.sessionId = sessionId;
  }

  /** @param port 0 takes any free port. */
  static async start(sessionId: number, port = 0): Promise<ScriptedStorage> {
    const storage = new ScriptedStorage(sessionId);
    storage.#server = await startRpcServer({
      port,
      routes: (router) =>
        router.service(ReadyTaskService, {
          pullReadyTasks: (requests, context) =>
            handleStream(requests, context, (stream: RpcStream<PullReadyTasksResponse>) => ({
              onMessage: (request: PullReadyTasksRequest) => storage.#heard(stream, request),
              onClose: () => storage.#left(stream),
            })),
        }),
    });
    return storage;
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  get url(): string {
    return this.#server?.url ?? '';
  }

  /** Whether a scheduler has an open stream and has granted credit on it. */
  get connected(): boolean {
    return this.#stream !== undefined && this.credit > 0;
  }

  ready(jobId: number, taskIndexes: number[]): void {
    this.credit -= taskIndexes.length;
    this.send({ ready: [jobTasks(jobId, taskIndexes)] });
  }

  jobsEnded(...jobIds: number[]): void {
    this.send({ endedJobIds: jobIds.map(BigInt) });
  }

  send(response: Partial<Omit<PullReadyTasksResponse, '$typeName'>>): void {
    this.#stream?.send({
      $typeName: 'spider.v1.PullReadyTasksResponse',
      ready: [],
      endedJobIds: [],
      pool: this.pools.at(-1)?.pool ?? 0,
      jobs: [],
      ...response,
    });
  }

  /** Stops as a process does that was killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.close({ graceMs: 0 });
  }

  #heard(stream: RpcStream<PullReadyTasksResponse>, request: PullReadyTasksRequest): void {
    const { hello, credit, openedPools, closedPools, returned } = request;
    if ((hello === undefined) !== (this.#stream === stream)) {
      throw invalidArgument('hello: is in the first message of a stream, and only there');
    }
    if (hello !== undefined) {
      this.hellos.push(hello);
      this.#stream = stream;
      this.credit = 0;
      this.pools = [];
      this.send({
        welcome: {
          $typeName: 'spider.v1.SchedulerWelcome',
          schedulerId: BigInt(this.hellos.length),
          sessionId: BigInt(this.sessionId),
        },
      });
    }
    this.pools.push(...openedPools);
    this.pools = this.pools.filter(({ pool }) => !closedPools.includes(pool));
    for (const { jobId, taskIndexes } of returned) {
      for (const index of taskIndexes) this.returned.push(`${jobId}:${index}`);
    }
    this.credit += credit;
    this.changes.notify();
  }

  #left(stream: RpcStream<PullReadyTasksResponse>): void {
    if (this.#stream === stream) this.#stream = undefined;
    this.changes.notify();
  }
}

const jobTasks = (
  jobId: number,
  taskIndexes: number[],
): PullReadyTasksResponse['ready'][number] => ({
  $typeName: 'spider.v1.JobTasks',
  jobId: BigInt(jobId),
  resourceGroupId: 1n,
  taskIndexes,
});
