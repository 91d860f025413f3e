import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { invalidArgument, LIMITS } from '@spider/core';
import {
  JobTasksSchema,
  PullReadyTasksResponseSchema,
  SchedulerWelcomeSchema,
} from '@spider/proto';
import type {
  JobTasks,
  PullReadyTasksRequest,
  PullReadyTasksResponse,
  ReadyTaskService,
  SchedulerHello,
} from '@spider/proto';
import { handleStream } from '@spider/runtime';
import type { Logger, RpcStream, RpcStreamCallbacks } from '@spider/runtime';
import type {
  ReadyTaskFeed,
  ReadyTaskHandlers,
  ReadyTasks,
  ReadyTaskStream,
} from '../queue/ready-task-feed.ts';
import { checkText } from './check.ts';

export interface ReadyTaskServiceOptions {
  readonly feed: ReadyTaskFeed;
  readonly logger: Logger;
}

/** What a scheduler calls. */
export const createReadyTaskService = ({
  feed,
  logger,
}: ReadyTaskServiceOptions): ServiceImpl<typeof ReadyTaskService> => ({
  pullReadyTasks: (requests, context) =>
    handleStream(requests, context, (stream) => new SchedulerConnection(feed, stream), { logger }),
});

/** One stream of a scheduler. */
class SchedulerConnection implements RpcStreamCallbacks<PullReadyTasksRequest> {
  readonly #feed: ReadyTaskFeed;
  readonly #stream: RpcStream<PullReadyTasksResponse>;
  #readyTasks: ReadyTaskStream | undefined;
  /** Granted and not used up; the scheduler may not let it grow without bound. */
  #credit = 0;

  constructor(feed: ReadyTaskFeed, stream: RpcStream<PullReadyTasksResponse>) {
    this.#feed = feed;
    this.#stream = stream;
  }

  onMessage({ hello, credit }: PullReadyTasksRequest): void {
    if (this.#credit + credit > LIMITS.bufferedReadyTasks) {
      throw invalidArgument(`credit: is more than ${LIMITS.bufferedReadyTasks} altogether`);
    }
    if (this.#readyTasks === undefined) {
      this.#readyTasks = this.#open(hello);
    } else if (hello !== undefined) {
      throw invalidArgument('hello: belongs into the first message of the stream, and only there');
    }
    this.#credit += credit;
    if (credit > 0) this.#readyTasks.grantCredit(credit);
  }

  onClose(): void {
    this.#readyTasks?.close();
  }

  #open(hello: SchedulerHello | undefined): ReadyTaskStream {
    if (hello === undefined) {
      throw invalidArgument('hello: is missing in the first message of the stream');
    }
    checkText('hello.host', hello.host, LIMITS.nameBytes);
    if (hello.port > 65_535) throw invalidArgument(`hello.port: ${hello.port} is not a port`);
    return this.#feed.open(this.#handlers(), hello.host, hello.port);
  }

  #handlers(): ReadyTaskHandlers {
    const stream = this.#stream;
    return {
      onOpen: ({ schedulerId, sessionId }) => {
        const response = create(PullReadyTasksResponseSchema);
        response.welcome = create(SchedulerWelcomeSchema, { schedulerId, sessionId });
        stream.send(response);
      },
      onReady: (tasks) => {
        const response = create(PullReadyTasksResponseSchema);
        for (const ofJob of tasks) {
          this.#credit -= ofJob.taskIndexes.length;
          response.ready.push(toJobTasks(ofJob));
        }
        stream.send(response);
      },
      onJobsEnded: (jobIds) => {
        const response = create(PullReadyTasksResponseSchema);
        response.endedJobIds = jobIds.map((jobId) => BigInt(jobId));
        stream.send(response);
      },
      onClose: (error) => {
        if (error === undefined) stream.end();
        else stream.cancel(error);
      },
    };
  }
}

function toJobTasks({ jobId, resourceGroupId, taskIndexes }: ReadyTasks): JobTasks {
  const tasks = create(JobTasksSchema);
  tasks.jobId = BigInt(jobId);
  tasks.resourceGroupId = BigInt(resourceGroupId);
  tasks.taskIndexes = taskIndexes;
  return tasks;
}
