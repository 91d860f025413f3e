import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  checkProtocolVersion,
  checkLabels,
  invalidArgument,
  LIMITS,
  type Sharing,
} from '@spider/core';
import {
  checkReturnedTasks,
  JobProfileSchema,
  JobTasksSchema,
  PullReadyTasksResponseSchema,
  SchedulerWelcomeSchema,
  toGroupNumbers,
} from '@spider/proto';
import type {
  ExecutionManagerPool as WirePool,
  JobProfile as WireJobProfile,
  JobTasks,
  PullReadyTasksRequest,
  PullReadyTasksResponse,
  ReadyTaskService,
  SchedulerHello,
} from '@spider/proto';
import { handleStream } from '@spider/runtime';
import type { Logger, RpcStream, RpcStreamCallbacks } from '@spider/runtime';
import type { PoolProfile } from '../queue/execution-manager-pools.ts';
import type {
  JobProfile,
  ReadyTaskFeed,
  ReadyTaskHandlers,
  ReadyTasks,
  ReadyTaskStream,
  ReturnedTasks,
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
  /** By pool: granted and not used up; the scheduler may not let it grow without bound. */
  readonly #credit = new Map<number, number>();

  constructor(feed: ReadyTaskFeed, stream: RpcStream<PullReadyTasksResponse>) {
    this.#feed = feed;
    this.#stream = stream;
  }

  onMessage(request: PullReadyTasksRequest): void {
    this.#check(request);
    const { hello, credit, pool } = request;
    const readyTasks = (this.#readyTasks ??= this.#open(hello));
    for (const opened of request.openedPools) {
      this.#credit.set(opened.pool, 0);
      readyTasks.openPool(opened.pool, toProfile(opened));
    }
    if (credit > 0 && (pool === 0 || this.#credit.has(pool))) {
      this.#credit.set(pool, (this.#credit.get(pool) ?? 0) + credit);
      readyTasks.grantCredit(credit, pool);
    }
    for (const closed of request.closedPools) {
      this.#credit.delete(closed);
      readyTasks.closePool(closed);
    }
    if (request.returned.length > 0) readyTasks.giveBack(request.returned.map(toReturned));
  }

  /** All that can be wrong with a message, before anything has changed. */
  #check(request: PullReadyTasksRequest): void {
    const { hello, credit, pool, openedPools } = request;
    if (hello === undefined && this.#readyTasks === undefined) {
      throw invalidArgument('hello: is missing in the first message of the stream');
    }
    if (hello !== undefined) {
      if (this.#readyTasks !== undefined) {
        throw invalidArgument(
          'hello: belongs into the first message of the stream, and only there',
        );
      }
      checkHello(hello);
    }
    if ((this.#credit.get(pool) ?? 0) + credit > LIMITS.bufferedReadyTasks) {
      throw invalidArgument(`credit: is more than ${LIMITS.bufferedReadyTasks} altogether`);
    }
    if (this.#credit.size + openedPools.length > LIMITS.executionManagerPools + 1) {
      throw invalidArgument(`opened_pools: more than ${LIMITS.executionManagerPools} are open`);
    }
    const known = new Set(this.#credit.keys());
    for (const opened of openedPools) {
      checkPool(opened, known);
      known.add(opened.pool);
    }
    checkReturnedTasks(request);
  }

  onClose(): void {
    this.#readyTasks?.close();
  }

  #open(hello: SchedulerHello | undefined): ReadyTaskStream {
    return this.#feed.open(this.#handlers(), toSharing(hello), {
      host: hello?.host ?? '',
      port: hello?.port ?? 0,
    });
  }

  #handlers(): ReadyTaskHandlers {
    const stream = this.#stream;
    return {
      onOpen: ({ schedulerId, sessionId }) => {
        const response = create(PullReadyTasksResponseSchema);
        response.welcome = create(SchedulerWelcomeSchema, { schedulerId, sessionId });
        stream.send(response);
      },
      onReady: (tasks, pool) => {
        const response = create(PullReadyTasksResponseSchema);
        let count = 0;
        for (const ofJob of tasks) {
          count += ofJob.taskIndexes.length;
          response.ready.push(toJobTasks(ofJob));
          if (ofJob.profile !== undefined) response.jobs.push(toWireProfile(ofJob, ofJob.profile));
        }
        response.pool = pool;
        this.#credit.set(pool, (this.#credit.get(pool) ?? 0) - count);
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

const toWireProfile = (
  { jobId }: ReadyTasks,
  { priority, criticalPath }: JobProfile,
): WireJobProfile => create(JobProfileSchema, { jobId: BigInt(jobId), priority, criticalPath });

function checkHello({ host, port, groupWeights, protocolVersion }: SchedulerHello): void {
  checkProtocolVersion(protocolVersion, 'storage');
  checkText('hello.host', host, LIMITS.nameBytes);
  if (port > 65_535) throw invalidArgument(`hello.port: ${port} is not a port`);
  const weights = Object.entries(groupWeights);
  if (weights.length > LIMITS.weightedGroups) {
    throw invalidArgument(
      `hello.group_weights: ${weights.length} are more than ${LIMITS.weightedGroups}`,
    );
  }
  for (const [id, weight] of weights) {
    if (weight >= 1 && weight <= LIMITS.groupWeight) continue;
    throw invalidArgument(
      `hello.group_weights[${id}]: ${weight} is not in 1…${LIMITS.groupWeight}`,
    );
  }
}

function checkPool({ pool, labels, resourceGroupIds }: WirePool, open: ReadonlySet<number>): void {
  if (pool === 0 || open.has(pool)) {
    throw invalidArgument(`opened_pools: ${pool} is not a new number from 1`);
  }
  checkLabels(labels, 'opened_pools.labels', LIMITS.labelsPerExecutionManager);
  toGroupNumbers(resourceGroupIds, 'opened_pools.resource_group_ids');
}

const toProfile = ({ labels, resourceGroupIds }: WirePool): PoolProfile => ({
  labels,
  resourceGroupIds: resourceGroupIds.map(Number),
});

const toReturned = ({ jobId, taskIndexes }: JobTasks): ReturnedTasks => ({
  jobId: Number(jobId),
  taskIndexes,
});

/** Ids over 2^53 are nobody's. */
const toSharing = (hello: SchedulerHello | undefined): Sharing => ({
  weights: new Map(
    Object.entries(hello?.groupWeights ?? {}).map(([id, weight]) => [Number(id), weight]),
  ),
  jobOrder: hello?.criticalPathFirst === true ? 'critical-path' : 'fair',
});
