import type { Client } from '@connectrpc/connect';
import {
  invalidArgument,
  type SchedulerId,
  type SessionId,
  SpiderError,
  type TaskIndex,
} from '@spider/core';
import { fromConnectError } from '@spider/proto';
import {
  fromReferenceTaskId,
  InboundQueueService,
  type PollReadyTasksResponse,
  type ReadyTask,
  SchedulerRegistrationService,
} from '@spider/proto/reference';
import {
  type ClientTls,
  type Clock,
  createTransport,
  type Endpoint,
  EndpointList,
  type RpcTransport,
  type TransportOptions,
  createRpcClient,
} from '@spider/runtime';

import type { PoolNumber, ReadyTasks, ReturnedTasks } from '../machine/dispatch-event.ts';
import type { ExecutionManagerProfile } from '../machine/execution-manager-profile.ts';
import type { ReadyTaskHandlers, ReadyTaskSource, ReadyTaskStream } from './ready-task-source.ts';
import { HeldTasks } from './held-tasks.ts';

export interface ReferenceReadyTaskSourceOptions {
  readonly clock: Clock;
  /** URLs of storage, of which any may be the active one. */
  readonly endpoints: readonly string[];
  /** What storage is told of where this scheduler is. */
  readonly advertised: () => Endpoint;
  /** For https:// URLs. */
  readonly tls?: ClientTls | undefined;
  /** What each call brings, such as the token of the cluster. */
  readonly headers?: TransportOptions['headers'];
  readonly connect?: (url: string) => RpcTransport;
}

/** Its storage sets the room for as many aside as it is asked for, and answers in one message. */
const ITEMS_PER_POLL_MAX = 4096;
/** Its storage waits for the whole time unless it has all that it was asked for. */
const WAIT_MS_MIN = 10;
/** While nothing is ready. */
const WAIT_MS_MAX = 100;

const LANES = ['pollReadyCommitTasks', 'pollReadyCleanupTasks', 'pollReadyTasks'] as const;

/** Ready tasks of a storage of the reference, whose queues are polled. It knows neither pools nor shares. */
export class ReferenceReadyTaskSource implements ReadyTaskSource {
  readonly #options: ReferenceReadyTaskSourceOptions;
  readonly #endpoints: EndpointList;
  /** What a stream got of the session after its own: it is handed out once only. */
  #next: NextSession | undefined;

  /** @throws SpiderError 'invalid-argument' if the list of endpoints is empty. */
  constructor(options: ReferenceReadyTaskSourceOptions) {
    this.#options = options;
    this.#endpoints = new EndpointList(options.endpoints);
  }

  open(handlers: ReadyTaskHandlers): ReadyTaskStream {
    const {
      tls,
      headers,
      connect = (url: string) => createTransport({ url, tls, headers }),
    } = this.#options;
    const transport = connect(this.#endpoints.current);
    const stream = new PollingStream(transport, this.#options, this.#next, {
      ...handlers,
      onClose: (error) => {
        this.#next = stream.next;
        transport.close();
        if (stream.isOpen) this.#endpoints.reportSuccess();
        else this.#endpoints.reportFailure();
        handlers.onClose(error);
      },
    });
    void stream.run();
    return stream;
  }
}

interface NextSession {
  readonly sessionId: bigint;
  readonly tasks: ReadyTasks[];
}

class PollingStream implements ReadyTaskStream {
  /** Whether storage has taken the scheduler. */
  isOpen = false;
  /** What has come of a session after this one, or of this one before it was open. */
  next: NextSession | undefined;
  readonly #queues: Client<typeof InboundQueueService>;
  readonly #registration: Client<typeof SchedulerRegistrationService>;
  readonly #options: ReferenceReadyTaskSourceOptions;
  readonly #handlers: ReadyTaskHandlers;
  readonly #held: HeldTasks;
  readonly #stop = new AbortController();
  #sessionId = 0n;
  #credited = Promise.withResolvers<void>();

  constructor(
    transport: RpcTransport,
    options: ReferenceReadyTaskSourceOptions,
    next: NextSession | undefined,
    handlers: ReadyTaskHandlers,
  ) {
    this.next = next;
    this.#options = options;
    this.#handlers = handlers;
    this.#queues = createRpcClient(InboundQueueService, transport);
    this.#registration = createRpcClient(SchedulerRegistrationService, transport);
    this.#held = new HeldTasks((tasks, pool) => handlers.onReady(tasks, pool));
  }

  /** Registers and polls until the stream is closed. */
  async run(): Promise<void> {
    try {
      const { signal } = this.#stop;
      const { registration } = await this.#registration.registerScheduler(
        this.#options.advertised(),
        { signal },
      );
      if (signal.aborted) return;
      const { schedulerId = 0n, sessionId = 0n } = registration ?? {};
      this.#sessionId = sessionId;
      this.isOpen = true;
      this.#handlers.onOpen({
        schedulerId: schedulerId as SchedulerId,
        sessionId: sessionId as SessionId,
      });
      const early = this.next?.sessionId === sessionId ? this.next.tasks : [];
      this.next = undefined;
      this.#held.add(early);
      // When one of them sees another session, the others still get what is on its way to them.
      await Promise.all(LANES.map((lane) => this.#poll(lane)));
      this.#end(new SpiderError('unavailable', 'storage has begun another session'));
    } catch (error) {
      this.#end(fromConnectError(error));
    }
  }

  openPool(pool: PoolNumber, profile: ExecutionManagerProfile): void {
    this.#held.openPool(pool, profile);
  }

  closePool(pool: PoolNumber): void {
    this.#held.closePool(pool);
  }

  grantCredit(tasks: number, pool: PoolNumber): void {
    this.#held.grantCredit(tasks, pool);
    this.#credited.resolve();
    this.#credited = Promise.withResolvers<void>();
  }

  giveBack(tasks: readonly ReturnedTasks[]): void {
    this.#held.add(tasks);
  }

  close(): void {
    this.#end(undefined);
  }

  #end(error: SpiderError | undefined): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#credited.resolve();
    this.#handlers.onClose(error);
  }

  async #poll(lane: (typeof LANES)[number]): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    let waitMs = WAIT_MS_MIN;
    while (!signal.aborted && this.next === undefined) {
      const room = Math.min(this.#held.room, ITEMS_PER_POLL_MAX);
      if (room === 0) {
        await this.#credited.promise;
        continue;
      }
      const beganUs = clock.monotonicUs();
      const request = { maxItems: BigInt(room), waitMs: BigInt(waitMs) };
      const tasks = this.#take(await this.#queues[lane](request, { signal }));
      if (signal.aborted) return;
      this.#held.add(tasks);
      if (tasks.length > 0) {
        waitMs = WAIT_MS_MIN;
        continue;
      }
      // Whether storage waits or not, it is not asked more often than this.
      const restMs = waitMs - (clock.monotonicUs() - beganUs) / 1000;
      if (restMs > 0) await clock.sleep(restMs, { signal }).catch(() => undefined);
      waitMs = Math.min(2 * waitMs, WAIT_MS_MAX);
    }
  }

  #announceNext(sessionId: bigint, tasks: readonly ReadyTasks[]): void {
    if (this.next === undefined || this.next.sessionId < sessionId) {
      this.next = { sessionId, tasks: [] };
    }
    if (this.next.sessionId === sessionId) this.next.tasks.push(...tasks);
    this.#credited.resolve();
  }

  /** @throws SpiderError 'invalid-argument' for what breaks the protocol. */
  #take({ tasks: answer }: PollReadyTasksResponse): ReadyTasks[] {
    if (answer === undefined) throw invalidArgument('tasks: is missing');
    // An answer that was under way for long.
    if (answer.sessionId < this.#sessionId) return [];
    const tasks = byJob(answer.tasks);
    if (answer.sessionId === this.#sessionId) return tasks;
    this.#announceNext(answer.sessionId, tasks);
    return [];
  }
}

/** Neighbours of the same job make one entry. */
function byJob(tasks: readonly ReadyTask[]): ReadyTasks[] {
  const entries: (ReadyTasks & { readonly taskIndexes: TaskIndex[] })[] = [];
  for (const task of tasks) {
    const jobId = toNumber(task.jobId, 'tasks.job_id');
    const resourceGroupId = toNumber(task.resourceGroupId, 'tasks.resource_group_id');
    const taskIndex = fromReferenceTaskId(task.taskId);
    const last = entries.at(-1);
    if (last?.jobId === jobId) last.taskIndexes.push(taskIndex);
    else entries.push({ jobId, resourceGroupId, taskIndexes: [taskIndex] });
  }
  return entries;
}

function toNumber(id: bigint, field: string): number {
  const number = Number(id);
  if (!Number.isSafeInteger(number)) throw invalidArgument(`${field}: ${id} is over 2^53−1`);
  return number;
}
