import type { Clock } from '@spider/runtime';
import type { LogSink } from '../logs/log-entry.ts';

/** What executors are held to, whatever runs them. */
export interface ExecutorOptions {
  /** What the body of a message may have; default: `LIMITS.executorFrameBytes`. */
  readonly maxMessageBytes?: number | undefined;
  readonly clock: Clock;
  /** Where what executors print goes, line by line. */
  readonly logs: LogSink;
  /** Longer lines are cut. */
  readonly maxLogLineBytes: number;
  /** What a task prints beyond this is dropped. */
  readonly maxTaskLogBytes: number;
  /** Memory that an executor may have, with all that it starts; undefined: no limit. */
  readonly memoryLimitMib?: number | undefined;
  /** Memory from which on it had better be replaced; undefined: no matter. */
  readonly recycleAboveMib?: number | undefined;
}

/** How long an executor that was asked to end may take. */
export const CLOSE_MS = 5_000;
