import { EQUAL_SHARING, failedPrecondition } from '@spider/core';
import type { SchedulerId, SessionId, Sharing, SpiderError } from '@spider/core';
import { fromUnknown } from '../unknown-error.ts';
import type { Clock, Logger } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { ExecutionManagerPool, PoolProfile } from './execution-manager-pools.ts';
import { ExecutionManagerPools } from './execution-manager-pools.ts';
import type { InboundQueue } from './inbound-queue.ts';

/** What a scheduler may go by, the same for as long as the job lasts. */
export interface JobProfile {
  readonly priority: number;
  readonly criticalPath: number;
}

/** Tasks of one job that may run now. */
export interface ReadyTasks {
  readonly jobId: number;
  readonly resourceGroupId: number;
  readonly taskIndexes: number[];
  /** With the first tasks of the job on a stream. */
  readonly profile?: JobProfile | undefined;
}

/** What a scheduler is told. All calls are synchronous; none may throw. */
export interface ReadyTaskHandlers {
  /** Comes once and first. Nothing comes before credit was granted. */
  onOpen(welcome: { readonly schedulerId: SchedulerId; readonly sessionId: SessionId }): void;
  /** Never more tasks than credit is left for in the pool. */
  onReady(tasks: readonly ReadyTasks[], pool: number): void;
  /** Nothing of these jobs is to be dispatched any more. */
  onJobsEnded(jobIds: readonly number[]): void;
  /** Comes once and last. Without an error the stream ended in order. */
  onClose(error: SpiderError | undefined): void;
}

export interface ReturnedTasks {
  readonly jobId: number;
  readonly taskIndexes: readonly number[];
}

export interface ReadyTaskStream {
  /** There are execution managers that may run what this profile allows. */
  openPool(pool: number, profile: PoolProfile): void;
  /** There are none any more; the pool's credit is void. */
  closePool(pool: number): void;
  /** Adds to what is left of earlier credit of the pool. Of one that is not open: no effect. */
  grantCredit(tasks: number, pool: number): void;
  /** Takes back what came for a pool that is closed. */
  giveBack(tasks: readonly ReturnedTasks[]): void;
  /** Ends the stream. Again: no effect. */
  close(): void;
}

export interface ReadyTaskFeedOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly queue: InboundQueue;
  readonly sessionId: SessionId;
  /** Enters a scheduler in the database. */
  readonly register: (host: string, port: number) => Promise<SchedulerId>;
  readonly findJob: (jobId: number) => Job | undefined;
  /** Tasks of the job were handed out in vain: these, or all that nobody has leased. */
  readonly onHandOutsLost: (job: Job, taskIndexes?: readonly number[]) => void;
  /** Other execution managers than before are there to run tasks. */
  readonly onPoolsChanged: () => void;
}

const TAKEN_OVER = 'another scheduler has taken over';

/** Tasks in one call of `onReady`. */
const TASKS_PER_CALL = 4096;

/**
 * Hands ready tasks to the scheduler, as many as it has asked for, the moment there are any. There
 * is one scheduler at a time: a new one takes the place of the one before, and waits while one of the
 * reference is at work. What was handed out to one that is gone, and not leased since, is handed out
 * again.
 */
export class ReadyTaskFeed {
  readonly #options: ReadyTaskFeedOptions;
  #current: OpenStream | undefined;
  #isStandingBy = false;
  #waiting: OpenStream | undefined;
  #isPumpDue = false;

  constructor(options: ReadyTaskFeedOptions) {
    this.#options = options;
  }

  /** The scheduler that is at work, if it is none of the reference. */
  get schedulerId(): SchedulerId | undefined {
    return this.#current?.schedulerId;
  }

  /** Whether a scheduler of the reference is at work, so that none of ours is. */
  get isStandingBy(): boolean {
    return this.#isStandingBy;
  }

  /** What tasks may run on: the pools of the scheduler that is connected, if one is. */
  get pools(): ExecutionManagerPools | undefined {
    return this.#current?.pools;
  }

  /**
   * Opens a stream for a scheduler, with how it wants groups and jobs to share, and where execution
   * managers reach it.
   */
  open(
    handlers: ReadyTaskHandlers,
    sharing: Sharing = EQUAL_SHARING,
    address: SchedulerAddress = EMBEDDED,
  ): ReadyTaskStream {
    const stream = new OpenStream(
      { handlers, sharing, ...address },
      {
        onCredit: () => this.#pumpSoon(),
        onPools: () => this.#poolsChanged(stream),
        onReturned: (tasks) => this.#returned(stream, tasks),
        onClose: () => this.#closed(stream),
      },
    );
    if (this.#isStandingBy) this.#wait(stream);
    else void this.#register(stream);
    return stream;
  }

  /** There are ready tasks. */
  wake(): void {
    if (this.#current !== undefined) this.#pumpSoon();
  }

  jobEnded(job: Job): void {
    if (this.#current?.jobs.delete(job) !== true) return;
    this.#current.endedJobs.push(job.number);
    this.#pumpSoon();
  }

  /** A scheduler of the reference is at work. */
  standBy(): void {
    this.#isStandingBy = true;
    this.#current?.close(failedPrecondition(TAKEN_OVER));
  }

  /** No scheduler of the reference is at work any more. */
  resume(): void {
    this.#isStandingBy = false;
    const stream = this.#waiting;
    this.#waiting = undefined;
    if (stream !== undefined) void this.#register(stream);
  }

  /** Ends the stream that is open. */
  close(error?: SpiderError): void {
    this.#current?.close(error);
    this.#waiting?.close(error);
  }

  #wait(stream: OpenStream): void {
    this.#waiting?.close(failedPrecondition(TAKEN_OVER));
    this.#waiting = stream;
  }

  async #register(stream: OpenStream): Promise<void> {
    const { host, port } = stream;
    try {
      const schedulerId = await this.#options.register(host, port);
      if (stream.isClosed) return;
      if (this.#isStandingBy) return this.#wait(stream);
      this.#current?.close(failedPrecondition(TAKEN_OVER));
      this.#current = stream;
      stream.schedulerId = schedulerId;
      this.#options.queue.share(stream.sharing);
      this.#options.logger.info('a scheduler is connected', { schedulerId, host, port });
      stream.handlers.onOpen({ schedulerId, sessionId: this.#options.sessionId });
      this.#options.onPoolsChanged();
      this.#pumpSoon();
    } catch (error) {
      stream.close(fromUnknown(error));
    }
  }

  #closed(stream: OpenStream): void {
    if (stream === this.#waiting) this.#waiting = undefined;
    if (stream !== this.#current) return;
    this.#current = undefined;
    for (const job of stream.jobs) this.#options.onHandOutsLost(job);
    stream.jobs.clear();
    this.#options.onPoolsChanged();
  }

  #poolsChanged(stream: OpenStream): void {
    if (stream === this.#current) this.#options.onPoolsChanged();
  }

  #returned(stream: OpenStream, tasks: readonly ReturnedTasks[]): void {
    if (stream !== this.#current) return;
    for (const { jobId, taskIndexes } of tasks) {
      const job = this.#options.findJob(jobId);
      if (job !== undefined) this.#options.onHandOutsLost(job, taskIndexes);
    }
  }

  #pumpSoon(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    this.#options.clock.defer(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    const stream = this.#current;
    if (stream === undefined) return;
    if (stream.endedJobs.length > 0) {
      const endedJobs = stream.endedJobs;
      stream.endedJobs = [];
      stream.handlers.onJobsEnded(endedJobs);
    }
    for (const pool of stream.pools.all()) this.#fill(stream, pool);
  }

  #fill(stream: OpenStream, pool: ExecutionManagerPool): void {
    while (!stream.isClosed && pool.credit > 0) {
      const tasks: ReadyTasks[] = [];
      const most = Math.min(pool.credit, TASKS_PER_CALL);
      const taken = this.#options.queue.take(
        most,
        (job, taskIndexes) => tasks.push(toReadyTasks(stream, job, taskIndexes)),
        pool,
      );
      if (taken === 0) return;
      pool.credit -= taken;
      stream.handlers.onReady(tasks, pool.number);
    }
  }
}

function toReadyTasks({ jobs }: OpenStream, job: Job, taskIndexes: number[]): ReadyTasks {
  const { number: jobId, resourceGroupNumber: resourceGroupId } = job;
  if (jobs.has(job)) return { jobId, resourceGroupId, taskIndexes };
  jobs.add(job);
  const { priority } = job.metadata;
  const profile = { priority, criticalPath: job.machine.criticalPath };
  return { jobId, resourceGroupId, taskIndexes, profile };
}

/** Where execution managers reach a scheduler. */
export interface SchedulerAddress {
  readonly host: string;
  readonly port: number;
}

const EMBEDDED: SchedulerAddress = { host: '', port: 0 };

interface StreamOptions extends SchedulerAddress {
  readonly handlers: ReadyTaskHandlers;
  readonly sharing: Sharing;
}

interface StreamHooks {
  readonly onCredit: () => void;
  readonly onPools: () => void;
  readonly onReturned: (tasks: readonly ReturnedTasks[]) => void;
  readonly onClose: () => void;
}

/** A scheduler's stream, from this side. */
class OpenStream implements ReadyTaskStream {
  readonly handlers: ReadyTaskHandlers;
  readonly sharing: Sharing;
  readonly host: string;
  readonly port: number;
  readonly pools = new ExecutionManagerPools();
  isClosed = false;
  /** Of which tasks were handed out on this stream. */
  readonly jobs = new Set<Job>();
  endedJobs: number[] = [];
  /** Once it is at work. */
  schedulerId: SchedulerId | undefined;
  readonly #hooks: StreamHooks;

  constructor({ handlers, sharing, host, port }: StreamOptions, hooks: StreamHooks) {
    this.handlers = handlers;
    this.sharing = sharing;
    this.host = host;
    this.port = port;
    this.#hooks = hooks;
  }

  openPool(pool: number, profile: PoolProfile): void {
    this.pools.open(pool, profile);
    this.#hooks.onPools();
  }

  closePool(pool: number): void {
    this.pools.close(pool);
    this.#hooks.onPools();
  }

  grantCredit(tasks: number, pool: number): void {
    if (this.pools.grant(pool, tasks)) this.#hooks.onCredit();
  }

  giveBack(tasks: readonly ReturnedTasks[]): void {
    this.#hooks.onReturned(tasks);
  }

  close(error?: SpiderError): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#hooks.onClose();
    this.handlers.onClose(error);
  }
}
