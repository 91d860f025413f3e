import {
  type ExecutionManagerId,
  type SchedulerId,
  type SessionId,
  SpiderError,
  type TimestampMs,
  timestampMs,
  toId,
} from '@spider/core';
import {
  ClusterService,
  type ExecutionManagerStatus as WireExecutionManager,
  type GetServerInfoResponse,
  type QueueDepth as WireQueueDepth,
  WireExecutionManagerState,
  WireServerRole,
} from '@spider/proto';
import type { JobServiceCaller } from './job-service-caller.ts';
import type { RequestOptions } from './job-handle.ts';
import { READ_ROUNDS } from './read-rounds.ts';

/** What one storage says of itself, or why it does not. */
export type ServerInfo = ServerStatus | { readonly url: string; readonly error: SpiderError };

export interface ServerStatus {
  readonly url: string;
  readonly error?: undefined;
  readonly version: string;
  readonly role: 'active' | 'standby';
  /** The number of this start of storage; undefined for a standby. */
  readonly sessionId: SessionId | undefined;
  readonly databaseEngine: string;
  readonly startedAt: TimestampMs;
  readonly uptimeMs: number;
}

export interface ExecutionManagerStatus {
  readonly id: ExecutionManagerId;
  /** How its machine calls itself. */
  readonly host: string;
  /** Empty for one of the reference. */
  readonly version: string;
  readonly slots: number;
  /** One that drains takes nothing more and ends when it is done. A dead one has left, or was lost. */
  readonly state: 'alive' | 'draining' | 'dead';
  readonly isConnected: boolean;
  /** Tasks in its executors. This and the next two by its own last account. */
  readonly runningTasks: number;
  /** Tasks that it has taken and not begun. */
  readonly waitingTasks: number;
  /** Ended tasks whose results are not durable yet. */
  readonly unflushedReports: number;
  readonly registeredAt: TimestampMs;
  /** Undefined if storage has not heard of it since it was started. */
  readonly lastHeardAt: TimestampMs | undefined;
  readonly drainRequestedAt: TimestampMs | undefined;
  readonly endedAt: TimestampMs | undefined;
  /** Why it is dead. */
  readonly endReason: string | undefined;
}

export interface SchedulerStatus {
  readonly id: SchedulerId;
  /** Empty, with port 0, for one within storage. */
  readonly host: string;
  readonly port: number;
  readonly registeredAt: TimestampMs;
  /** Whether it takes ready tasks. */
  readonly isConnected: boolean;
}

export interface QueueDepth {
  /** Nobody has taken them yet. */
  readonly readyTasks: number;
  /** A scheduler has them, and no execution manager has asked for them yet. */
  readonly handedOutTasks: number;
  /** Schedulers of the reference that wait for one. */
  readonly waitingPolls: number;
}

export interface Queues {
  /** What waits to be run, by kind of task. */
  readonly commit: QueueDepth;
  readonly cleanup: QueueDepth;
  readonly regular: QueueDepth;
  /** What has happened and is not durable yet, and for how long the oldest of it has waited. */
  readonly journal: { readonly records: number; readonly bytes: number; readonly lagMs: number };
  readonly unfinishedJobs: number;
}

export interface ListExecutionManagersOptions {
  /** Also those that have ended, for as long as they are remembered. Default: false. */
  readonly includeDead?: boolean;
  /** How many are fetched at a time, at most 1,000. Default: 100. */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

/** The processes of a Spider, as storage sees them. */
export class Cluster {
  readonly #caller: JobServiceCaller;

  constructor(caller: JobServiceCaller) {
    this.#caller = caller;
  }

  /** What each endpoint of the client says of itself, asked once. */
  servers({ signal }: RequestOptions = {}): Promise<readonly ServerInfo[]> {
    return Promise.all(
      this.#caller.urls.map(async (url): Promise<ServerInfo> => {
        try {
          const info = await this.#caller.callAt(
            url,
            ClusterService,
            (client, call) => client.getServerInfo({}, call),
            signal,
          );
          return { url, ...toServerStatus(info) };
        } catch (error) {
          if (error instanceof SpiderError) return { url, error };
          throw error;
        }
      }),
    );
  }

  /**
   * The execution managers, the newest first, fetched page by page as they are asked for.
   *
   * @example
   *   for await (const manager of client.cluster.executionManagers()) {
   *     console.log(manager.host, manager.state, `${manager.runningTasks} of ${manager.slots}`);
   *   }
   */
  async *executionManagers({
    includeDead = false,
    pageSize = 0,
    signal,
  }: ListExecutionManagersOptions = {}): AsyncGenerator<ExecutionManagerStatus, void> {
    for (let pageToken = ''; ;) {
      const request = { includeDead, pageSize, pageToken };
      const { executionManagers, nextPageToken } = await this.#caller.callService(
        ClusterService,
        (client, call) => client.listExecutionManagers(request, call),
        { maxRounds: READ_ROUNDS, signal },
      );
      for (const manager of executionManagers) yield toExecutionManager(manager);
      if (nextPageToken === '') return;
      pageToken = nextPageToken;
    }
  }

  /** The scheduler that was registered last, if there is one. */
  async schedulers({ signal }: RequestOptions = {}): Promise<readonly SchedulerStatus[]> {
    const { schedulers } = await this.#caller.callService(
      ClusterService,
      (client, call) => client.listSchedulers({}, call),
      { maxRounds: READ_ROUNDS, signal },
    );
    return schedulers.map(({ schedulerId, host, port, registeredAtMs, connected }) => ({
      id: toId(schedulerId),
      host,
      port,
      registeredAt: timestampMs(Number(registeredAtMs)),
      isConnected: connected,
    }));
  }

  /** How much waits at this moment. */
  async queues({ signal }: RequestOptions = {}): Promise<Queues> {
    const response = await this.#caller.callService(
      ClusterService,
      (client, call) => client.getQueues({}, call),
      { maxRounds: READ_ROUNDS, signal },
    );
    const { commit, cleanup, regular, journal, unfinishedJobs } = response;
    return {
      commit: toQueueDepth(commit),
      cleanup: toQueueDepth(cleanup),
      regular: toQueueDepth(regular),
      journal: {
        records: Number(journal?.records ?? 0),
        bytes: Number(journal?.bytes ?? 0),
        lagMs: Number(journal?.lagMs ?? 0),
      },
      unfinishedJobs: Number(unfinishedJobs),
    };
  }

  /**
   * Has an execution manager take no more tasks, finish those that run, and end. Answers whether it is
   * still to do so, or has ended already. Asking again is fine.
   *
   * @throws SpiderError 'not-found' if there never was one of this id, 'failed-precondition' if it is
   * one of the reference, which cannot be told.
   */
  async drain(
    id: ExecutionManagerId,
    { signal }: RequestOptions = {},
  ): Promise<'draining' | 'dead'> {
    const { state } = await this.#caller.callService(
      ClusterService,
      (client, call) => client.drainExecutionManager({ executionManagerId: id }, call),
      { maxRounds: READ_ROUNDS, signal },
    );
    return state === WireExecutionManagerState.DEAD ? 'dead' : 'draining';
  }
}

const toServerStatus = (info: GetServerInfoResponse): Omit<ServerStatus, 'url'> => ({
  version: info.version,
  role: info.role === WireServerRole.STANDBY ? 'standby' : 'active',
  sessionId: info.sessionId === 0n ? undefined : toId(info.sessionId),
  databaseEngine: info.databaseEngine,
  startedAt: timestampMs(Number(info.startedAtMs)),
  uptimeMs: Number(info.uptimeMs),
});

const toExecutionManager = (manager: WireExecutionManager): ExecutionManagerStatus => ({
  id: toId(manager.executionManagerId),
  host: manager.host,
  version: manager.version,
  slots: manager.slots,
  state: toState(manager.state),
  isConnected: manager.connected,
  runningTasks: manager.runningTasks,
  waitingTasks: manager.waitingTasks,
  unflushedReports: manager.unflushedReports,
  registeredAt: timestampMs(Number(manager.registeredAtMs)),
  lastHeardAt: toTime(manager.lastHeardAtMs),
  drainRequestedAt: toTime(manager.drainRequestedAtMs),
  endedAt: toTime(manager.endedAtMs),
  endReason: manager.endReason === '' ? undefined : manager.endReason,
});

function toState(state: WireExecutionManagerState): ExecutionManagerStatus['state'] {
  switch (state) {
    case WireExecutionManagerState.DEAD:
      return 'dead';
    case WireExecutionManagerState.DRAINING:
      return 'draining';
    case WireExecutionManagerState.ALIVE:
    case WireExecutionManagerState.UNSPECIFIED:
      return 'alive';
    default:
      state satisfies never;
      throw new SpiderError('internal', `state: storage says ${String(state)}`);
  }
}

const toTime = (wire: bigint): TimestampMs | undefined =>
  wire === 0n ? undefined : timestampMs(Number(wire));

const toQueueDepth = (depth: WireQueueDepth | undefined): QueueDepth => ({
  readyTasks: Number(depth?.readyTasks ?? 0),
  handedOutTasks: Number(depth?.handedOutTasks ?? 0),
  waitingPolls: depth?.waitingPolls ?? 0,
});
