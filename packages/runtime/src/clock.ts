import type { TimestampMs } from '@spider/core';

/** A deadline that was set. */
export interface Timer {
  /** Does nothing once the timer has fired or was cancelled. */
  cancel(): void;
}

/**
 * All that a service knows of time. `SystemClock` in `@spider/runtime/node` is the real one,
 * `ManualClock` in `@spider/runtime/testing` goes when a test says so.
 */
export interface Clock {
  /** The time of day. It may jump; for what people and databases read. */
  now(): TimestampMs;
  /** Microseconds since an arbitrary start; never goes back. For measuring spans. */
  monotonicUs(): number;
  /**
   * Calls back once, not before `delayMs` have passed. A timer is a deadline for something else and
   * doesn't keep the process alive; `sleep` does.
   */
  setTimer(delayMs: number, callback: () => void): Timer;
  /**
   * Resolves when `delayMs` have passed. Keeps the process alive: somebody waits for what comes
   * after it. Rejects with the signal's reason as soon as the signal is aborted.
   */
  sleep(delayMs: number, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Calls back once, when all that has already arrived in this turn of the event loop is handled.
   * What gathers in a batch until then goes out in one message.
   */
  defer(callback: () => void): void;
}
