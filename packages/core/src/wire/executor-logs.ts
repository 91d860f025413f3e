/**
 * The environment variable by which an execution manager of ours asks its executor to say whose the
 * lines are that it prints: a token that no task can guess, and the bytes that one task may print.
 */
export const EXECUTOR_LOGS_ENV = 'SPIDER_EXECUTOR_LOGS';

const RECORD_SEPARATOR = '\u001E';

/** Whose the lines after a mark are. */
export interface LogMark {
  readonly jobId: string;
  readonly taskIndex: number;
  readonly taskInstanceId: string;
  /** Whether they are what the task has written to stderr, rather than to stdout. */
  readonly isStderr: boolean;
}

const STDERR = ' 2';

/** The beginning of every mark that an executor with this token writes. */
export const logMarkPrefix = (token: string): string => `${RECORD_SEPARATOR}${token}`;

/** The line, without its newline, that says whose the next lines are: a task's, or nobody's. */
export function formatLogMark(token: string, mark: LogMark | undefined): string {
  if (mark === undefined) return logMarkPrefix(token);
  const { jobId, taskIndex, taskInstanceId, isStderr } = mark;
  const stream = isStderr ? STDERR : '';
  return `${logMarkPrefix(token)} ${jobId} ${taskIndex} ${taskInstanceId}${stream}`;
}

/** Reads what follows the prefix of a mark. */
export function parseLogMark(rest: string): LogMark | undefined {
  const match = /^ (\d{1,20}) (\d{1,10}) (\d{1,20})( 2)?$/.exec(rest);
  if (match === null) return undefined;
  const [, jobId = '', taskIndex, taskInstanceId = '', stream] = match;
  return { jobId, taskIndex: Number(taskIndex), taskInstanceId, isStderr: stream === STDERR };
}

/** What stands where output was dropped. */
export const droppedOutputText = (bytes: number): string => `[…${bytes} bytes of output dropped]`;
