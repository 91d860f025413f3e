import type { Zstd } from '@spider/core';

export type TaskLogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * What the executor lends to tasks. It may be of another version than the package that a task is in:
 * all but `zstd` may be missing, and only plain data passes.
 */
export interface TaskHost {
  readonly zstd: Zstd;
  /** Names the task that is being run; no two have the same. */
  readonly taskNumber?: number;

  /**
   * Calls back with the reason once the task of that number had better stop, at once if that is so
   * already. Never calls back after the task has ended.
   */
  onStop?(taskNumber: number, callback: (reason: string) => void): void;

  /** Writes a line to the executor's log. */
  log?(level: TaskLogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
}
