import type { LogMark } from '@spider/core';

/** A line that an executor has written. */
export interface LogEntry {
  readonly timeMs: number;
  /** The task that was being run; undefined for what no task has written. */
  readonly task: LogMark | undefined;
  /** Without its newline. */
  readonly text: string;
}

/** Where lines of executors go, in order. */
export interface LogSink {
  /** Answers whether more is welcome; if not, it is when `onDrain` calls back. */
  write(entries: readonly LogEntry[]): boolean;
  /** Calls back once. */
  onDrain(callback: () => void): void;
}
