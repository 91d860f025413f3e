import { create } from '@bufbuild/protobuf';
import { LIMITS } from '@spider/core';
import type { SpiderError } from '@spider/core';
import { ReadTaskLogResponseSchema } from '@spider/proto';
import type { TaskLogPiece } from '@spider/proto';
import type { Clock, RpcStream, Timer } from '@spider/runtime';
import type { ReadTaskLogResponse } from '@spider/proto';
import { ANSWER_MS, logError } from './log-holders.ts';
import type { FoundLog } from './log-holders.ts';
import type { TaskLogListener } from './task-log-link.ts';

export interface TaskLogReadingOptions {
  readonly clock: Clock;
  readonly found: FoundLog;
  readonly stream: RpcStream<ReadTaskLogResponse>;
  /** Whether the instance is out, and its lines are waited for. */
  readonly follow: boolean;
}

/**
 * Passes a log on from an execution manager to a client, as fast as the client reads: a piece is
 * asked for when one of those before it is on its way.
 */
export class TaskLogReading implements TaskLogListener {
  readonly #options: TaskLogReadingOptions;
  #isFollowing: boolean;
  /** Pieces that were asked for and have not come. */
  #due = 0;
  #timer: Timer | undefined;

  constructor(options: TaskLogReadingOptions) {
    this.#options = options;
    this.#isFollowing = options.follow;
    const { found, stream } = options;
    found.listen(this);
    stream.send(
      create(ReadTaskLogResponseSchema, {
        taskInstanceId: found.taskInstanceId,
        executionManagerId: found.holder.id,
      }),
    );
    this.#grant(LIMITS.taskLogCredit);
  }

  /** The instance has ended. */
  finish(): void {
    if (!this.#isFollowing) return;
    this.#isFollowing = false;
    this.#options.found.log.finish();
    this.#watch();
  }

  /** The client has read what was sent. */
  drained(): void {
    this.#grant(LIMITS.taskLogCredit - this.#due);
  }

  /** The client is gone. */
  close(): void {
    this.#timer?.cancel();
    this.#options.found.log.cancel();
  }

  piece({ lines, nextOffset, end, error }: TaskLogPiece): void {
    const { stream } = this.#options;
    this.#timer?.cancel();
    if (error !== '')
      return this.#fail(this.#blame('failed-precondition', `cannot tell: ${error}`));
    if (lines.length > 0) {
      this.#due -= 1;
      stream.send(create(ReadTaskLogResponseSchema, { lines, nextOffset }));
    }
    if (end) stream.end();
    else if (stream.pending === 0) this.#grant(LIMITS.taskLogCredit - this.#due);
    else this.#watch();
  }

  lost(): void {
    this.#fail(this.#blame('unavailable', 'has lost its connection'));
  }

  #grant(pieces: number): void {
    if (pieces > 0) {
      this.#due += pieces;
      this.#options.found.log.grant(pieces);
    }
    this.#watch();
  }

  /** Nobody waits forever for lines that are there. */
  #watch(): void {
    this.#timer?.cancel();
    if (this.#isFollowing || this.#due === 0) return;
    this.#timer = this.#options.clock.setTimer(ANSWER_MS, () => {
      this.#fail(this.#blame('unavailable', `has not answered within ${ANSWER_MS} ms`));
    });
  }

  #blame(code: 'unavailable' | 'failed-precondition', what: string): SpiderError {
    return logError(this.#options.found.holder, code, what);
  }

  #fail(error: SpiderError): void {
    this.#timer?.cancel();
    this.#options.stream.cancel(error);
  }
}
