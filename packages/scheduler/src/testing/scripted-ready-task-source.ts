import type { SchedulerId, SessionId, SpiderError } from '@spider/core';

import type {
  ReadyTaskHandlers,
  ReadyTaskSource,
  ReadyTaskStream,
} from '../inbound/ready-task-source.ts';
import type { ReturnedTasks } from '../machine/dispatch-event.ts';
import { Changes } from './changes.ts';

/** One stream that a scheduler has opened; the test plays storage. */
export class ScriptedReadyTaskStream implements ReadyTaskStream {
  /** Credit that was granted and not used up. */
  credit = 0;
  /** The pool that was opened last. */
  pool = 0;
  readonly returned: ReturnedTasks[] = [];
  closed = false;
  readonly #handlers: ReadyTaskHandlers;
  readonly #changes: Changes;

  constructor(handlers: ReadyTaskHandlers, changes: Changes) {
    this.#handlers = handlers;
    this.#changes = changes;
  }

  openPool(pool: number): void {
    this.pool = pool;
  }

  closePool(): void {
    this.credit = 0;
  }

  giveBack(tasks: readonly ReturnedTasks[]): void {
    this.returned.push(...tasks);
    this.#changes.notify();
  }

  grantCredit(tasks: number): void {
    this.credit += tasks;
    this.#changes.notify();
  }

  close(): void {
    this.end();
  }

  /** Welcomes the scheduler. */
  open(sessionId: number): void {
    this.#handlers.onOpen({
      schedulerId: 1n as SchedulerId,
      sessionId: BigInt(sessionId) as SessionId,
    });
  }

  ready(jobId: number, taskIndexes: readonly number[]): void {
    this.credit -= taskIndexes.length;
    this.#handlers.onReady([{ jobId, resourceGroupId: 1, taskIndexes }], this.pool);
  }

  jobsEnded(...jobIds: number[]): void {
    this.#handlers.onJobsEnded(jobIds);
  }

  /** Ends the stream, as storage or the network would. */
  end(error?: SpiderError): void {
    if (this.closed) return;
    this.closed = true;
    this.#handlers.onClose(error);
  }
}

/** A source of ready tasks in the hands of a test. */
export class ScriptedReadyTaskSource implements ReadyTaskSource {
  /** Every stream that was opened, the last one last. */
  readonly streams: ScriptedReadyTaskStream[] = [];
  readonly changes = new Changes();

  open(handlers: ReadyTaskHandlers): ReadyTaskStream {
    const stream = new ScriptedReadyTaskStream(handlers, this.changes);
    this.streams.push(stream);
    this.changes.notify();
    return stream;
  }

  /** Resolves with the stream of that attempt, counted from 0, once it is made. */
  async attempt(number: number): Promise<ScriptedReadyTaskStream> {
    await this.changes.until(() => this.streams.length > number);
    return this.streams[number] as ScriptedReadyTaskStream;
  }
}
