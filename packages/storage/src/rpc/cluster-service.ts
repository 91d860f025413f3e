import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';
import type { ExecutionManagerId, SessionId, TimestampMs } from '@spider/core';
import {
  DrainExecutionManagerResponseSchema,
  ExecutionManagerStatusSchema,
  GetQueuesResponseSchema,
  GetServerInfoResponseSchema,
  ListExecutionManagersResponseSchema,
  ListSchedulersResponseSchema,
  WireExecutionManagerState,
  WireServerRole,
} from '@spider/proto';
import type { ClusterService, ExecutionManagerStatus, GetServerInfoResponse } from '@spider/proto';
import type { Clock } from '@spider/runtime';
import type { JobCache } from '../cache/job-cache.ts';
import type { ClusterStore } from '../db/job-store.ts';
import type { Engine } from '../db/migrations/column-types.ts';
import type { Journal } from '../journal/journal.ts';
import type { ExecutionManagerRegistry } from '../liveness/execution-manager-registry.ts';
import { listExecutionManagers } from '../liveness/list-execution-managers.ts';
import type { ExecutionManagerView } from '../liveness/list-execution-managers.ts';
import { Lane } from '../queue/lane.ts';
import { queueDepths } from '../queue/queue-depths.ts';
import type { ReadyTaskFeed } from '../queue/ready-task-feed.ts';
import type { ReadyTaskPolls } from '../queue/ready-task-polls.ts';

/** What a storage says of itself. */
export interface ServerIdentity {
  readonly version: string;
  readonly engine: Engine;
  /** When the process began. */
  readonly startedAt: TimestampMs;
}

export interface ClusterServiceOptions {
  readonly identity: ServerIdentity;
  readonly clock: Clock;
  readonly sessionId: SessionId;
  readonly store: ClusterStore;
  readonly registry: ExecutionManagerRegistry;
  readonly cache: JobCache;
  readonly journal: Journal;
  readonly feed: Pick<ReadyTaskFeed, 'schedulerId'>;
  readonly polls: Pick<ReadyTaskPolls, 'isPresent' | 'waiting'>;
}

/** What people ask about the processes of a Spider. */
export const createClusterService = (
  options: ClusterServiceOptions,
): ServiceImpl<typeof ClusterService> => ({
  getServerInfo: () => serverInfo(options, options.sessionId),

  async listExecutionManagers(request) {
    const page = await listExecutionManagers(request.includeDead, request, options);
    return create(ListExecutionManagersResponseSchema, {
      executionManagers: page.executionManagers.map(toStatus),
      nextPageToken: page.nextPageToken,
    });
  },

  async listSchedulers() {
    const { store, feed, polls } = options;
    const schedulers = await store.listSchedulers();
    return create(ListSchedulersResponseSchema, {
      schedulers: schedulers.map(({ id, host, port, registeredAt }) => ({
        schedulerId: id,
        host,
        port,
        registeredAtMs: BigInt(registeredAt),
        // There is one at a time: while one of the reference polls, it is the one.
        connected: feed.schedulerId === id || polls.isPresent,
      })),
    });
  },

  getQueues() {
    const { cache, polls, journal } = options;
    const depths = queueDepths(cache.jobs(), polls);
    const toDepth = (lane: Lane) => ({
      readyTasks: BigInt(depths[lane].readyTasks),
      handedOutTasks: BigInt(depths[lane].handedOutTasks),
      waitingPolls: depths[lane].waitingPolls,
    });
    const { records, bytes, lagMs } = journal.backlog();
    return create(GetQueuesResponseSchema, {
      commit: toDepth(Lane.Commit),
      cleanup: toDepth(Lane.Cleanup),
      regular: toDepth(Lane.Regular),
      journal: {
        records: BigInt(records),
        bytes: BigInt(bytes),
        lagMs: BigInt(Math.round(lagMs)),
      },
      unfinishedJobs: BigInt(cache.size),
    });
  },

  async drainExecutionManager({ executionManagerId }) {
    const isAlive = await options.registry.drain(executionManagerId as ExecutionManagerId);
    return create(DrainExecutionManagerResponseSchema, {
      state: isAlive ? WireExecutionManagerState.DRAINING : WireExecutionManagerState.DEAD,
    });
  },
});

/** What a standby answers: who it is, and that all else is to be asked elsewhere. */
export function createStandbyClusterService(
  options: Pick<ClusterServiceOptions, 'identity' | 'clock'>,
  reason: string,
): ServiceImpl<typeof ClusterService> {
  const refuse = (): never => {
    throw new SpiderError('unavailable', reason);
  };
  return {
    getServerInfo: () => serverInfo(options, undefined),
    listExecutionManagers: refuse,
    listSchedulers: refuse,
    getQueues: refuse,
    drainExecutionManager: refuse,
  };
}

const serverInfo = (
  { identity, clock }: Pick<ClusterServiceOptions, 'identity' | 'clock'>,
  sessionId: SessionId | undefined,
): GetServerInfoResponse =>
  create(GetServerInfoResponseSchema, {
    version: identity.version,
    role: sessionId === undefined ? WireServerRole.STANDBY : WireServerRole.ACTIVE,
    sessionId: sessionId ?? 0n,
    databaseEngine: identity.engine,
    startedAtMs: BigInt(identity.startedAt),
    uptimeMs: BigInt(Math.max(0, clock.now() - identity.startedAt)),
  });

const WIRE_STATES = {
  alive: WireExecutionManagerState.ALIVE,
  draining: WireExecutionManagerState.DRAINING,
  dead: WireExecutionManagerState.DEAD,
} as const;

const toStatus = (view: ExecutionManagerView): ExecutionManagerStatus =>
  create(ExecutionManagerStatusSchema, {
    executionManagerId: view.id,
    host: view.host,
    version: view.version,
    slots: view.slots,
    state: WIRE_STATES[view.state],
    connected: view.isConnected,
    runningTasks: view.load?.runningTasks ?? 0,
    waitingTasks: view.load?.waitingTasks ?? 0,
    unflushedReports: view.load?.unflushedReports ?? 0,
    registeredAtMs: BigInt(view.registeredAt),
    lastHeardAtMs: BigInt(view.lastHeardAt ?? 0),
    drainRequestedAtMs: BigInt(view.drainRequestedAt ?? 0),
    endedAtMs: BigInt(view.endedAt ?? 0),
    endReason: view.endReason ?? '',
  });
