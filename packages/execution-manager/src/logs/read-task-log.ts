import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { invalidArgument } from '@spider/core';
import { taskLogPath } from './task-log-files.ts';

export interface TaskLogQuery {
  /** Where the execution manager keeps its logs: `logs.dir` of its configuration. */
  readonly directory: string;
  readonly jobId: string;
  /** Of all tasks unless it is given. */
  readonly taskIndex?: number;
  /** Of all instances unless it is given. */
  readonly taskInstanceId?: string;
  /** The last so many; default: 10,000. */
  readonly linesMax?: number;
}

export interface TaskLogLine {
  readonly timeMs: number;
  /** Undefined for a remark on the log itself. */
  readonly taskIndex: number | undefined;
  readonly taskInstanceId: string | undefined;
  /** Whether it was written to stderr, by the task's logger for instance. */
  readonly isStderr: boolean;
  readonly text: string;
}

const LINES_MAX = 10_000;

/**
 * Reads the lines that tasks of a job have printed in the executors of one execution manager, in the
 * order in which they did. None if there are none, or they are not kept any more.
 *
 * @throws SpiderError 'invalid-argument' if the job's id is no number.
 */
export async function readTaskLog(query: TaskLogQuery): Promise<readonly TaskLogLine[]> {
  const { directory, jobId, taskIndex, taskInstanceId, linesMax = LINES_MAX } = query;
  if (!/^\d{1,20}$/.test(jobId))
    throw invalidArgument(`jobId is ${JSON.stringify(jobId)}: no number`);
  const found: TaskLogLine[] = [];
  try {
    const input = createReadStream(taskLogPath(directory, jobId));
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      const line = parseLogLine(text);
      if (line === undefined) continue;
      if (taskIndex !== undefined && line.taskIndex !== taskIndex) continue;
      if (taskInstanceId !== undefined && line.taskInstanceId !== taskInstanceId) continue;
      found.push(line);
      if (found.length >= 2 * linesMax) found.splice(0, found.length - linesMax);
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return found.slice(-linesMax);
}

/** What an execution manager that was killed had begun to write is left out. */
export function parseLogLine(text: string): TaskLogLine | undefined {
  try {
    const {
      time,
      task,
      instance,
      stderr,
      text: said,
    } = JSON.parse(text) as Record<string, unknown>;
    if (typeof time !== 'number' || typeof said !== 'string') return undefined;
    return {
      timeMs: time,
      taskIndex: typeof task === 'number' ? task : undefined,
      taskInstanceId: typeof instance === 'string' ? instance : undefined,
      isStderr: stderr === true,
      text: said,
    };
  } catch {
    return undefined;
  }
}
