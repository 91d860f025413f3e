import type { JobId } from '@spider/core';
import type { ReadTaskLogRequest, ReadTaskLogResponse } from '@spider/proto';
import type { JobServiceCaller } from './job-service-caller.ts';
import { READ_ROUNDS } from './read-rounds.ts';

/** A line that a task has printed. */
export interface TaskLogLine {
  /** When its execution manager had it, in milliseconds since the epoch. */
  readonly timeMs: number;
  /** Without its end. */
  readonly text: string;
  /** Not the task's own: it says what is missing of the log. */
  readonly isRemark: boolean;
  /** Written to stderr, by the task's logger for instance. An older execution manager says so of none. */
  readonly isStderr: boolean;
}

export interface TaskLogOptions {
  /** Which attempt at the task, from 1. Default: the one that runs, or else the last one. */
  readonly attempt?: number;
  /**
   * Waits for the attempt to begin, and for further lines until it has ended. Default: false; then the
   * lines that there are.
   */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

type Request = Omit<ReadTaskLogRequest, '$typeName' | '$unknown'>;

/** Reads a task's log, and goes on where it was when the connection to storage is lost. */
export async function* readTaskLog(
  caller: JobServiceCaller,
  jobId: JobId,
  taskIndex: number,
  { attempt = 0, follow = false, signal }: TaskLogOptions,
): AsyncGenerator<TaskLogLine, void> {
  let request: Request = {
    jobId,
    taskIndex,
    attempt,
    follow,
    taskInstanceId: 0n,
    executionManagerId: 0n,
    offset: 0n,
  };
  let failures = 0;
  for (;;) {
    try {
      const answers = caller.stream(
        (client, options) => client.readTaskLog(request, options),
        signal,
      );
      for await (const answer of answers) {
        failures = 0;
        request = following(request, answer);
        for (const { timeMs, text, isRemark, isStderr } of answer.lines) {
          yield { timeMs: Number(timeMs), text, isRemark, isStderr };
        }
      }
      return;
    } catch (error) {
      failures += 1;
      await caller.pauseAfter(error, failures, { maxRounds: READ_ROUNDS, signal });
    }
  }
}

/** What asks for all that comes after an answer. */
function following(request: Request, answer: ReadTaskLogResponse): Request {
  const { taskInstanceId, executionManagerId, nextOffset } = answer;
  if (taskInstanceId > 0n) return { ...request, attempt: 0, taskInstanceId, executionManagerId };
  return { ...request, offset: nextOffset };
}
