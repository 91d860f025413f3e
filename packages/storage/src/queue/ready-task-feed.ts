import { failedPrecondition } from '@spider/core';
import type { SchedulerId, SessionId, SpiderError } from '@spider/core';
import { fromUnknown } from '../unknown-error.ts';
import type { Clock, Logger } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { InboundQueue } from './inbound-queue.ts';

/** Tasks of one job that may run now. */
export interface ReadyTasks {
  readonly jobId: number;
  readonly resourceGroupId: number;
  readonly taskIndexes: number[];
}

/** What a scheduler is told. All calls are synchronous; none may throw. */
export interface ReadyTaskHandlers {
  /** Comes once and first. Nothing comes before credit was granted. */
  onOpen(welcome: { readonly schedulerId: SchedulerId; readonly sessionId: SessionId }): void;
  /** Never more tasks than credit is left for. */
  onReady(tasks: readonly ReadyTasks[]): void;
  /** Nothing of these jobs is to be dispatched any more. */
  onJobsEnded(jobIds: readonly number[]): void;
  /** Comes once and last. Without an error the stream ended in order. */
  onClose(error: SpiderError | undefined): void;
}

export interface ReadyTaskStream {
  /** Adds to what is left of earlier credit. */
  grantCredit(tasks: number): void;
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
  /** Tasks of the job were handed out on a stream that is gone. */
  readonly onHandOutsLost: (job: Job) => void;
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

  /** Opens a stream for a scheduler that execution managers reach at `host:port`. */
  open(handlers: ReadyTaskHandlers, host = '', port = 0): ReadyTaskStream {
    const stream = new OpenStream(
      { handlers, host, port },
      {
        onCredit: () => this.#pumpSoon(),
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
      this.#options.logger.info('a scheduler is connected', { schedulerId, host, port });
      stream.handlers.onOpen({ schedulerId, sessionId: this.#options.sessionId });
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
    while (!stream.isClosed && stream.credit > 0 && !this.#options.queue.isEmpty) {
      const tasks: ReadyTasks[] = [];
      const most = Math.min(stream.credit, TASKS_PER_CALL);
      stream.credit -= this.#options.queue.take(most, (job, taskIndexes) => {
        stream.jobs.add(job);
        tasks.push({ jobId: job.number, resourceGroupId: job.resourceGroupNumber, taskIndexes });
      });
      if (tasks.length > 0) stream.handlers.onReady(tasks);
    }
  }
}

interface StreamHooks {
  readonly onCredit: () => void;
  readonly onClose: () => void;
}

interface SchedulerAtStream {
  readonly handlers: ReadyTaskHandlers;
  readonly host: string;
  readonly port: number;
}

class OpenStream implements ReadyTaskStream {
  readonly handlers: ReadyTaskHandlers;
  readonly host: string;
  readonly port: number;
  readonly #hooks: StreamHooks;
  /** Jobs of which tasks were handed out on this stream. */
  readonly jobs = new Set<Job>();
  endedJobs: number[] = [];
  credit = 0;
  isClosed = false;
  /** Once it is at work. */
  schedulerId: SchedulerId | undefined;

  constructor({ handlers, host, port }: SchedulerAtStream, hooks: StreamHooks) {
    this.handlers = handlers;
    this.host = host;
    this.port = port;
    this.#hooks = hooks;
  }

  grantCredit(tasks: number): void {
    this.credit += tasks;
    this.#hooks.onCredit();
  }

  close(error?: SpiderError): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#hooks.onClose();
    this.handlers.onClose(error);
  }
}
