import { create } from '@bufbuild/protobuf';
import {
  PROTOCOL_VERSION,
  failedPrecondition,
  invalidArgument,
  LIMITS,
  type SchedulerId,
  type SessionId,
  type Sharing,
  type SpiderError,
} from '@spider/core';
import {
  checkReadyTasks,
  type ExecutionManagerPool,
  type JobTasks,
  type PullReadyTasksRequest,
  type PullReadyTasksResponse,
  ReadyTaskService,
  type SchedulerHello,
  SchedulerHelloSchema,
} from '@spider/proto';
import {
  type ClientTls,
  createTransport,
  type Endpoint,
  EndpointList,
  type Logger,
  openStream,
  type RpcStream,
  type RpcTransport,
  type TransportOptions,
  silentLogger,
  createRpcClient,
} from '@spider/runtime';

import type {
  JobProfile,
  PoolNumber,
  ReadyTasks,
  ReturnedTasks,
} from '../machine/dispatch-event.ts';
import type { ExecutionManagerProfile } from '../machine/execution-manager-profile.ts';
import type { ReadyTaskHandlers, ReadyTaskSource, ReadyTaskStream } from './ready-task-source.ts';

export interface RpcReadyTaskSourceOptions {
  /** URLs of storage, of which any may be the active one. */
  readonly endpoints: readonly string[];
  /** Where execution managers reach this scheduler; asked at each attempt. */
  readonly advertised: () => Endpoint;
  /** For https:// URLs. */
  readonly tls?: ClientTls | undefined;
  /** What each call brings, such as the token of the cluster. */
  readonly headers?: TransportOptions['headers'];
  /** For other ways to reach storage than gRPC over HTTP/2. */
  readonly connect?: (url: string) => RpcTransport;
  /** Told of bugs on this side. */
  readonly logger?: Logger;
}

/** A storage that stands still is left within so long, and the next one asked. */
const FAST_FAILOVER = {
  connectTimeoutMs: 1_000,
  pingIntervalMs: 1_000,
  pingTimeoutMs: 1_000,
} as const;

/** Ready tasks of a storage in another process. Each attempt that fails passes on to the next URL. */
export class RpcReadyTaskSource implements ReadyTaskSource {
  readonly #endpoints: EndpointList;
  readonly #advertised: () => Endpoint;
  readonly #connect: (url: string) => RpcTransport;
  readonly #logger: Logger;

  /** @throws SpiderError 'invalid-argument' if the list of endpoints is empty. */
  constructor({ endpoints, advertised, tls, headers, connect, logger }: RpcReadyTaskSourceOptions) {
    this.#endpoints = new EndpointList(endpoints);
    this.#advertised = advertised;
    this.#connect = connect ?? ((url) => createTransport({ url, tls, headers, ...FAST_FAILOVER }));
    this.#logger = logger ?? silentLogger;
  }

  open(handlers: ReadyTaskHandlers, sharing: Sharing): ReadyTaskStream {
    const transport = this.#connect(this.#endpoints.current);
    const client = createRpcClient(ReadyTaskService, transport);
    const reader = new ResponseReader(handlers);
    const stream = openStream<PullReadyTasksResponse, PullReadyTasksRequest>(
      (requests, options) => client.pullReadyTasks(requests, options),
      {
        onMessage: (response) => reader.read(response),
        onClose: (error) => {
          transport.close();
          if (reader.welcomed) this.#endpoints.reportSuccess();
          else this.#endpoints.reportFailure();
          handlers.onClose(error);
        },
      },
      { logger: this.#logger },
    );
    stream.send(request({ hello: toHello(this.#advertised(), sharing) }));
    return new RpcReadyTaskStream(stream);
  }
}

const toHello = (address: Endpoint, { weights, jobOrder }: Sharing): SchedulerHello => {
  const hello = create(SchedulerHelloSchema, address);
  // protobuf-es has the keys of a map of uint64 as text.
  for (const [id, weight] of weights) hello.groupWeights[String(id)] = weight;
  hello.protocolVersion = PROTOCOL_VERSION;
  hello.criticalPathFirst = jobOrder === 'critical-path';
  return hello;
};

const request = (
  fields: Partial<Omit<PullReadyTasksRequest, '$typeName'>>,
): PullReadyTasksRequest => ({
  $typeName: 'spider.v1.PullReadyTasksRequest',
  credit: 0,
  pool: 0,
  openedPools: [],
  closedPools: [],
  returned: [],
  ...fields,
});

class RpcReadyTaskStream implements ReadyTaskStream {
  readonly #stream: RpcStream<PullReadyTasksRequest>;

  constructor(stream: RpcStream<PullReadyTasksRequest>) {
    this.#stream = stream;
  }

  openPool(pool: PoolNumber, { labels, resourceGroupIds }: ExecutionManagerProfile): void {
    const opened: ExecutionManagerPool = {
      $typeName: 'spider.v1.ExecutionManagerPool',
      pool,
      labels,
      resourceGroupIds: resourceGroupIds.map(BigInt),
    };
    this.#stream.send(request({ openedPools: [opened] }));
  }

  closePool(pool: PoolNumber): void {
    this.#stream.send(request({ closedPools: [pool] }));
  }

  grantCredit(credit: number, pool: PoolNumber): void {
    this.#stream.send(request({ credit, pool }));
  }

  giveBack(tasks: readonly ReturnedTasks[]): void {
    for (const returned of inMessages(tasks)) this.#stream.send(request({ returned }));
  }

  close(): void {
    this.#stream.cancel();
  }
}

/** Cuts tasks into as many messages as it takes to keep to the limit of one. */
function* inMessages(tasks: readonly ReturnedTasks[]): Generator<JobTasks[]> {
  let message: JobTasks[] = [];
  let room: number = LIMITS.tasksPerMessage;
  for (const { jobId, resourceGroupId, taskIndexes } of tasks) {
    for (let at = 0; at < taskIndexes.length;) {
      const part = taskIndexes.slice(at, at + room);
      message.push({
        $typeName: 'spider.v1.JobTasks',
        jobId: BigInt(jobId),
        resourceGroupId: BigInt(resourceGroupId),
        taskIndexes: part,
      });
      at += part.length;
      room -= part.length;
      if (room > 0) continue;
      yield message;
      message = [];
      room = LIMITS.tasksPerMessage;
    }
  }
  if (message.length > 0) yield message;
}

/** Checks what storage sends and passes it on in the scheduler's terms. */
class ResponseReader {
  readonly #handlers: ReadyTaskHandlers;
  welcomed = false;

  constructor(handlers: ReadyTaskHandlers) {
    this.#handlers = handlers;
  }

  /**
   * @throws SpiderError 'invalid-argument' that names the field and the rule, 'failed-precondition' if
   * storage is of a version that this scheduler cannot work with.
   */
  read(response: PullReadyTasksResponse): void {
    const { welcome, ready, endedJobIds, pool, jobs } = response;
    if ((welcome === undefined) !== this.welcomed) {
      throw invalidArgument('welcome: is in the first message of a stream, and only there');
    }
    if (welcome !== undefined) {
      this.welcomed = true;
      this.#handlers.onOpen({
        schedulerId: welcome.schedulerId as SchedulerId,
        sessionId: welcome.sessionId as SessionId,
      });
    }
    if (ready.length > 0) {
      if (pool === 0) throw knowsNoPools();
      checkReadyTasks(response);
      const profiles = new Map(jobs.map((job) => [job.jobId, job]));
      const tasks = ready.map((entry) => toReadyTasks(entry, profiles.get(entry.jobId)));
      this.#handlers.onReady(tasks, pool);
    }
    if (endedJobIds.length > LIMITS.endedJobsPerMessage) {
      throw invalidArgument(`ended_job_ids: more than ${LIMITS.endedJobsPerMessage}`);
    }
    if (endedJobIds.length > 0) {
      this.#handlers.onJobsEnded(endedJobIds.map((id) => toNumber(id, 'ended_job_ids')));
    }
  }
}

/** Credit is for pools from 1 on. A storage that does not know them hands out as if there were one. */
const knowsNoPools = (): SpiderError =>
  failedPrecondition(
    'pool: storage hands out tasks for none, as those do that know nothing of labels: update storage first',
  );

function toReadyTasks(
  { jobId, resourceGroupId, taskIndexes }: JobTasks,
  profile: JobProfile | undefined,
): ReadyTasks {
  return {
    profile: profile && { priority: profile.priority, criticalPath: profile.criticalPath },
    jobId: toNumber(jobId, 'ready.job_id'),
    resourceGroupId: toNumber(resourceGroupId, 'ready.resource_group_id'),
    taskIndexes,
  };
}

function toNumber(id: bigint, field: string): number {
  const number = Number(id);
  if (!Number.isSafeInteger(number)) throw invalidArgument(`${field}: ${id} is over 2^53−1`);
  return number;
}
