import { setImmediate as endOfTurn } from 'node:timers/promises';

import { timestampMs, type TimestampMs } from '@spider/core';

import type { Clock, Timer } from '../clock.ts';

interface PendingTimer {
  readonly atMs: number;
  readonly sequence: number;
  readonly callback: () => void;
}

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  #nowMs: number;
  #sequence = 0;
  readonly #timers = new Set<PendingTimer>();
  #deferred: (() => void)[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  /** Timers, sleeps among them, that have not fired. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** When the next timer fires, or undefined. */
  get nextTimerMs(): TimestampMs | undefined {
    const next = this.#nextTimer();
    return next && timestampMs(next.atMs);
  }

  now(): TimestampMs {
    return timestampMs(this.#nowMs);
  }

  monotonicUs(): number {
    return this.#nowMs * 1_000;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      sequence: this.#sequence++,
      callback,
    };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  sleep(delayMs: number, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = this.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    return promise;
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /**
   * Moves time on, and fires what comes due on the way, in the order of time and then of setting.
   * Promises that it settles take effect after the caller's next await.
   */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (let next = this.#nextTimer(); next && next.atMs <= endMs; next = this.#nextTimer()) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = endMs;
  }

  /** Time passes while the process stands still: what has come due fires later. */
  standStill(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  /** Runs what was deferred, and what that defers in its turn. */
  runDeferred(): void {
    while (this.#deferred.length > 0) {
      const callbacks = this.#deferred;
      this.#deferred = [];
      for (const callback of callbacks) callback();
    }
  }

  /** Lets promises and deferred callbacks run until there is nothing left for them to do. */
  async settle(): Promise<void> {
    do {
      this.runDeferred();
      await endOfTurn();
    } while (this.#deferred.length > 0);
  }

  #nextTimer(): PendingTimer | undefined {
    let next: PendingTimer | undefined;
    for (const timer of this.#timers) {
      // The set is in the order of setting, so the first of several stays.
      if (next === undefined || timer.atMs < next.atMs) next = timer;
    }
    return next;
  }
}
