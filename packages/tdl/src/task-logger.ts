import type { TaskContextFields } from '@spider/core';
import type { TaskHost, TaskLogLevel } from './task-host.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Writes lines to the log of the execution manager, each of which names the job, the task and the
 * task instance. A field may be anything that JSON knows, an id, or an Error.
 */
export interface TaskLogger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

export function createTaskLogger(context: TaskContextFields, host: TaskHost): TaskLogger {
  const { jobId, taskIndex, taskInstanceId } = context;
  const ids = { jobId: String(jobId), taskIndex, taskInstanceId: String(taskInstanceId) };
  const writer =
    (level: TaskLogLevel) =>
    (message: string, fields?: Fields): void =>
      host.log?.(level, message, { ...ids, ...fields });
  return {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
  };
}
