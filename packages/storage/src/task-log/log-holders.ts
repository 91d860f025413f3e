import { failedPrecondition, SpiderError, toId } from '@spider/core';
import type { ExecutionManagerId } from '@spider/core';
import type { TaskLogPiece } from '@spider/proto';
import type { Clock, Timer } from '@spider/runtime';
import type { ClusterStore } from '../db/job-store.ts';
import type { ExecutionManagerRegistry } from '../liveness/execution-manager-registry.ts';
import type { ExecutionManager } from '../liveness/execution-manager.ts';
import type { OpenTaskLog, TaskLogListener } from './task-log-link.ts';

/** How long an execution manager may take to answer. */
export const ANSWER_MS = 5_000;

export interface TaskLogQuestion {
  readonly jobId: bigint;
  readonly taskIndex: number;
  /** 0n stands for the newest. */
  readonly taskInstanceId: bigint;
  readonly offset: bigint;
  readonly follow: boolean;
}

/** A log that was found, at the execution manager that keeps it. */
export interface FoundLog {
  readonly holder: ExecutionManager;
  readonly taskInstanceId: bigint;
  readonly log: OpenTaskLog;
  /** Takes what comes from now on. */
  listen(listener: TaskLogListener): void;
}

export interface LogHoldersOptions {
  readonly clock: Clock;
  readonly registry: Pick<ExecutionManagerRegistry, 'find' | 'all'>;
  readonly store: Pick<ClusterStore, 'findExecutionManager'>;
}

/** Asks execution managers for what their tasks have printed. */
export class LogHolders {
  readonly #options: LogHoldersOptions;

  constructor(options: LogHoldersOptions) {
    this.#options = options;
  }

  /**
   * Asks the one that ran an instance. One that was started anew in the place of that one, with its
   * files, will do.
   *
   * @throws SpiderError 'failed-precondition' if it has ended, or tells no logs; 'unavailable' if it is
   * not connected, or does not answer.
   */
  async at(id: number, question: TaskLogQuestion): Promise<FoundLog> {
    const executionManagerId = toId<ExecutionManagerId>(id);
    const holder = this.#options.registry.find(executionManagerId);
    if (holder !== undefined) return await this.#ask(holder, question);
    const heir = await this.#search({ ...question, follow: false });
    if (heir.found !== undefined) return heir.found;
    const ended = await this.#options.store.findExecutionManager(executionManagerId);
    const where = ended === undefined ? '' : ` on ${ended.host}`;
    const why = ended?.endReason === undefined ? '' : `: ${ended.endReason}`;
    throw failedPrecondition(
      `the log is kept by execution manager ${id}${where}, which has ended${why}`,
    );
  }

  /** Asks all that are connected, when it is not known who ran a task. @throws SpiderError 'not-found' */
  async anywhere(question: TaskLogQuestion): Promise<FoundLog> {
    const { found, refusal } = await this.#search({ ...question, follow: false });
    if (found !== undefined) return found;
    const { jobId, taskIndex } = question;
    const hint = refusal === undefined ? '' : `; ${refusal.message}`;
    throw new SpiderError(
      'not-found',
      `it is not known any more who ran task ${taskIndex} of job ${jobId}, and no execution ` +
        `manager that is connected keeps a line of it${hint}`,
    );
  }

  async #ask(holder: ExecutionManager, question: TaskLogQuestion): Promise<FoundLog> {
    const asked = new AskedLog(holder, this.#options.clock, { ...question, search: false });
    return await asked.found;
  }

  /** The newest instance that any of them has. */
  async #search(
    question: TaskLogQuestion,
  ): Promise<{ readonly found?: FoundLog; readonly refusal?: Error }> {
    const { registry, clock } = this.#options;
    const holders = [...registry.all()].filter(({ link }) => link?.logs !== undefined);
    const asked = holders.map(
      (holder) => new AskedLog(holder, clock, { ...question, search: true }),
    );
    const answers = await Promise.allSettled(asked.map(({ found }) => found));
    let newest: FoundLog | undefined;
    let refusal: Error | undefined;
    for (const answer of answers) {
      if (answer.status === 'rejected') {
        refusal ??= answer.reason as Error;
        continue;
      }
      const isNewer =
        answer.value.taskInstanceId > (newest === undefined ? 0n : newest.taskInstanceId);
      (isNewer ? newest : answer.value)?.log.cancel();
      if (isNewer) newest = answer.value;
    }
    return { ...(newest && { found: newest }), ...(refusal && { refusal }) };
  }
}

/** Waits for the first piece of a read, which says whose the lines are. */
class AskedLog implements TaskLogListener {
  readonly found: Promise<FoundLog>;
  readonly #answer = Promise.withResolvers<FoundLog>();
  readonly #holder: ExecutionManager;
  readonly #log: OpenTaskLog | undefined;
  readonly #timer: Timer;
  #listener: TaskLogListener | undefined;
  #isLost = false;

  constructor(
    holder: ExecutionManager,
    clock: Clock,
    question: TaskLogQuestion & { readonly search: boolean },
  ) {
    this.found = this.#answer.promise;
    this.#holder = holder;
    this.#timer = clock.setTimer(ANSWER_MS, () => {
      this.#log?.cancel();
      this.#fail('unavailable', `has not answered within ${ANSWER_MS} ms`);
    });
    const logs = holder.link?.logs;
    if (logs === undefined) this.#refuse();
    else this.#log = logs.open(question, this);
  }

  piece(piece: TaskLogPiece): void {
    if (this.#listener !== undefined) this.#listener.piece(piece);
    else if (piece.error !== '') this.#fail('failed-precondition', `cannot tell: ${piece.error}`);
    else this.#found(piece);
  }

  lost(): void {
    this.#isLost = true;
    if (this.#listener !== undefined) this.#listener.lost();
    else this.#fail('unavailable', 'has lost its connection');
  }

  #found({ taskInstanceId }: TaskLogPiece): void {
    this.#timer.cancel();
    if (this.#log === undefined) return;
    this.#answer.resolve({
      holder: this.#holder,
      taskInstanceId,
      log: this.#log,
      listen: (listener) => {
        this.#listener = listener;
        if (this.#isLost) listener.lost();
      },
    });
  }

  #refuse(): void {
    const { link, unary, version } = this.#holder;
    if (link === undefined) this.#fail('unavailable', 'is not connected just now');
    else if (unary !== undefined) this.#fail('failed-precondition', 'is one of the reference');
    else this.#fail('failed-precondition', `is of version ${version}, which does not tell logs`);
  }

  #fail(code: 'unavailable' | 'failed-precondition', what: string): void {
    this.#timer.cancel();
    this.#answer.reject(logError(this.#holder, code, what));
  }
}

/** An error that says who keeps the log. */
export const logError = (
  { id, host }: ExecutionManager,
  code: 'unavailable' | 'failed-precondition',
  what: string,
): SpiderError =>
  new SpiderError(code, `execution manager ${id} on ${host}, which keeps the log, ${what}`);
