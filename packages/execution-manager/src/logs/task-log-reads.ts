import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { LIMITS } from '@spider/core';
import {
  type TaskLogPiece,
  TaskLogPieceSchema,
  type TaskLogQuery,
  type TaskLogRead as ReadMessage,
} from '@spider/proto';
import { taskLogPath } from './task-log-files.ts';
import { hasInstance, newestInstance, scanTaskLog } from './task-log-scan.ts';

/** Where the lines of tasks are kept. */
export interface TaskLogSource {
  readonly directory: string;
  /** Resolves when the lines so far can be read. */
  settled(): Promise<void>;
  /** Calls back each time when there are further lines of a job. Answers how to stop that. */
  follow(jobId: string, callback: () => void): () => void;
}

type PieceInit = MessageInitShape<typeof TaskLogPieceSchema>;
type Send = (piece: TaskLogPiece) => void;

/** Answers what storage reads of task logs, piece by piece and never more than it takes. */
export class TaskLogReads {
  readonly #source: TaskLogSource | undefined;
  readonly #send: Send;
  readonly #reads = new Map<number, TaskLogRead>();

  constructor(source: TaskLogSource | undefined, send: Send) {
    this.#source = source;
    this.#send = send;
  }

  /** How many are under way. */
  get size(): number {
    return this.#reads.size;
  }

  /** A message of storage; one about a read that has ended says nothing. */
  take(message: ReadMessage): void {
    const { read: number, query } = message;
    if (query !== undefined) this.#begin(number, query);
    const read = this.#reads.get(number);
    if (message.cancel) this.#end(number);
    else read?.goOn(message.credit, message.finish);
  }

  /** Nobody listens any more. */
  endAll(): void {
    for (const number of this.#reads.keys()) this.#end(number);
  }

  #begin(number: number, query: TaskLogQuery): void {
    const refusal = this.#refusal();
    if (this.#source === undefined || refusal !== undefined) {
      this.#send(create(TaskLogPieceSchema, { read: number, end: true, error: refusal ?? '' }));
      return;
    }
    const read = new TaskLogRead(number, query, this.#source, (piece) => {
      if (piece.end) this.#reads.delete(number);
      this.#send(piece);
    });
    this.#reads.set(number, read);
    void read.run();
  }

  #refusal(): string | undefined {
    if (this.#source === undefined)
      return 'it keeps no task logs: its configuration has no logs.dir';
    const most = LIMITS.taskLogReadsPerExecutionManager;
    return this.#reads.size < most ? undefined : `it answers ${most} reads of task logs at a time`;
  }

  #end(number: number): void {
    this.#reads.get(number)?.cancel();
    this.#reads.delete(number);
  }
}

/** One read: goes on when there is credit and something to send. */
class TaskLogRead {
  readonly #number: number;
  readonly #query: TaskLogQuery;
  readonly #source: TaskLogSource;
  readonly #send: Send;
  readonly #path: string;
  #offset: number;
  #credit = 0;
  #isFinished: boolean;
  #isCancelled = false;
  /** Something has happened that `run` has not seen. */
  #isWoken = false;
  #wake: (() => void) | undefined;

  constructor(number: number, query: TaskLogQuery, source: TaskLogSource, send: Send) {
    this.#number = number;
    this.#query = query;
    this.#source = source;
    this.#send = send;
    this.#path = taskLogPath(source.directory, String(query.jobId));
    this.#offset = Number(query.offset);
    this.#isFinished = !query.follow;
  }

  goOn(credit: number, isFinished: boolean): void {
    this.#credit = Math.min(this.#credit + credit, LIMITS.taskLogCredit);
    this.#isFinished ||= isFinished;
    this.#happened();
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#happened();
  }

  /** Never rejects: what goes wrong is the last piece. */
  async run(): Promise<void> {
    const unfollow = this.#source.follow(String(this.#query.jobId), () => this.#happened());
    try {
      const instance = await this.#instance();
      this.#answer({ taskInstanceId: instance ?? 0n, end: instance === undefined });
      if (instance !== undefined) await this.#tell(String(instance));
    } catch (error) {
      const message = `its file cannot be read: ${String(error)}`;
      this.#answer({ end: true, error: message.slice(0, LIMITS.endReasonBytes / 4) });
    } finally {
      unfollow();
    }
  }

  /** Whose lines are wanted; undefined if there are none and it was to be looked. */
  async #instance(): Promise<bigint | undefined> {
    const { search, taskIndex, taskInstanceId } = this.#query;
    if (!search && taskInstanceId > 0n) return taskInstanceId;
    await this.#source.settled();
    if (taskInstanceId === 0n) return await newestInstance(this.#path, taskIndex);
    const isThere = await hasInstance(this.#path, taskIndex, String(taskInstanceId));
    return isThere ? taskInstanceId : undefined;
  }

  async #tell(instance: string): Promise<void> {
    while (!this.#isCancelled) {
      if (this.#credit === 0) {
        await this.#happening();
        continue;
      }
      // What comes after this is seen next time.
      const isLast = this.#isFinished;
      this.#isWoken = false;
      await this.#source.settled();
      const { taskIndex } = this.#query;
      const piece = await scanTaskLog(this.#path, taskIndex, instance, this.#offset);
      this.#offset = piece.nextOffset;
      const isEnd = piece.isAtEnd && isLast;
      if (piece.lines.length > 0) this.#tellLines(piece.lines);
      if (isEnd) {
        this.#answer({ end: true, nextOffset: BigInt(this.#offset) });
        return;
      }
      if (piece.isAtEnd) await this.#happening();
    }
  }

  #tellLines(lines: Awaited<ReturnType<typeof scanTaskLog>>['lines']): void {
    this.#credit -= 1;
    this.#answer({
      lines: lines.map(({ timeMs, text, isRemark, isStderr }) => ({
        timeMs: BigInt(timeMs),
        text,
        isRemark,
        isStderr,
      })),
      nextOffset: BigInt(this.#offset),
    });
  }

  #answer(piece: PieceInit): void {
    if (this.#isCancelled) return;
    this.#send(Object.assign(create(TaskLogPieceSchema, piece), { read: this.#number }));
  }

  #happened(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  async #happening(): Promise<void> {
    if (!this.#isWoken) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = undefined;
    }
    this.#isWoken = false;
  }
}
