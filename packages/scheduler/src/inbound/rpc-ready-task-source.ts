import { createClient } from '@connectrpc/connect';
import { invalidArgument, LIMITS, type SchedulerId, type SessionId } from '@spider/core';
import {
  checkReadyTasks,
  type JobTasks,
  type PullReadyTasksRequest,
  type PullReadyTasksResponse,
  ReadyTaskService,
} from '@spider/proto';
import {
  createTransport,
  type Endpoint,
  EndpointList,
  type Logger,
  openStream,
  type RpcStream,
  type RpcTransport,
  silentLogger,
} from '@spider/runtime';

import type { ReadyTasks } from '../machine/dispatch-event.ts';
import type { ReadyTaskHandlers, ReadyTaskSource, ReadyTaskStream } from './ready-task-source.ts';

export interface RpcReadyTaskSourceOptions {
  /** URLs of storage, of which any may be the active one. */
  readonly endpoints: readonly string[];
  /** Where execution managers reach this scheduler; asked at each attempt. */
  readonly advertised: () => Endpoint;
  /** For other ways to reach storage than gRPC over HTTP/2. */
  readonly connect?: (url: string) => RpcTransport;
  /** Told of bugs on this side. */
  readonly logger?: Logger;
}

/** Ready tasks of a storage in another process. Each attempt that fails passes on to the next URL. */
export class RpcReadyTaskSource implements ReadyTaskSource {
  readonly #endpoints: EndpointList;
  readonly #advertised: () => Endpoint;
  readonly #connect: (url: string) => RpcTransport;
  readonly #logger: Logger;

  /** @throws SpiderError 'invalid-argument' if the list of endpoints is empty. */
  constructor({ endpoints, advertised, connect, logger }: RpcReadyTaskSourceOptions) {
    this.#endpoints = new EndpointList(endpoints);
    this.#advertised = advertised;
    this.#connect = connect ?? ((url) => createTransport({ url }));
    this.#logger = logger ?? silentLogger;
  }

  open(handlers: ReadyTaskHandlers): ReadyTaskStream {
    const transport = this.#connect(this.#endpoints.current);
    const client = createClient(ReadyTaskService, transport);
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
    stream.send(
      request({ hello: { $typeName: 'spider.v1.SchedulerHello', ...this.#advertised() } }),
    );
    return new RpcReadyTaskStream(stream);
  }
}

const request = (
  fields: Partial<Pick<PullReadyTasksRequest, 'hello' | 'credit'>>,
): PullReadyTasksRequest => ({
  $typeName: 'spider.v1.PullReadyTasksRequest',
  credit: 0,
  ...fields,
});

class RpcReadyTaskStream implements ReadyTaskStream {
  readonly #stream: RpcStream<PullReadyTasksRequest>;

  constructor(stream: RpcStream<PullReadyTasksRequest>) {
    this.#stream = stream;
  }

  grantCredit(tasks: number): void {
    this.#stream.send(request({ credit: tasks }));
  }

  close(): void {
    this.#stream.cancel();
  }
}

/** Checks what storage sends and passes it on in the scheduler's terms. */
class ResponseReader {
  readonly #handlers: ReadyTaskHandlers;
  welcomed = false;

  constructor(handlers: ReadyTaskHandlers) {
    this.#handlers = handlers;
  }

  /** @throws SpiderError 'invalid-argument' that names the field and the rule. */
  read(response: PullReadyTasksResponse): void {
    const { welcome, ready, endedJobIds } = response;
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
      checkReadyTasks(response);
      this.#handlers.onReady(ready.map(toReadyTasks));
    }
    if (endedJobIds.length > LIMITS.endedJobsPerMessage) {
      throw invalidArgument(`ended_job_ids: more than ${LIMITS.endedJobsPerMessage}`);
    }
    if (endedJobIds.length > 0) {
      this.#handlers.onJobsEnded(endedJobIds.map((id) => toNumber(id, 'ended_job_ids')));
    }
  }
}

function toReadyTasks({ jobId, resourceGroupId, taskIndexes }: JobTasks): ReadyTasks {
  return {
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
