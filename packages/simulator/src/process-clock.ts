import { timestampMs, type TimestampMs } from '@spider/core';
import type { Clock, Timer } from '@spider/runtime';

import type { Happening, VirtualTime } from './virtual-time.ts';

/**
 * The time as one process sees it. It ends with the process: nothing that a dead one had planned
 * happens. While the process is frozen all of it waits.
 */
export class ProcessClock implements Clock {
  readonly #time: VirtualTime;
  /** How far the time of day of this machine is off. */
  readonly #skewMs: number;
  readonly #pending = new Set<Happening>();
  #isDead = false;
  #thawed: (() => void)[] | undefined;

  constructor(time: VirtualTime, skewMs: number) {
    this.#time = time;
    this.#skewMs = skewMs;
  }

  /** Timers that have not fired. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  now(): TimestampMs {
    return timestampMs(Math.floor(this.#time.nowMs + this.#skewMs));
  }

  monotonicUs(): number {
    return Math.round(this.#time.nowMs * 1000);
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const happening = this.#time.after(delayMs, () => {
      this.#pending.delete(happening);
      this.whenAwake(() => {
        if (!happening.isCancelled) callback();
      });
    });
    this.#pending.add(happening);
    return {
      cancel: () => {
        happening.isCancelled = true;
        this.#pending.delete(happening);
      },
    };
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
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    return promise;
  }

  defer(callback: () => void): void {
    this.#time.defer(() => this.whenAwake(callback));
  }

  /** Calls back now, or when the process goes on, or never if it is dead. */
  whenAwake(callback: () => void): void {
    if (this.#isDead) return;
    if (this.#thawed === undefined) callback();
    else this.#thawed.push(callback);
  }

  freeze(): void {
    this.#thawed ??= [];
  }

  thaw(): void {
    const waiting = this.#thawed ?? [];
    this.#thawed = undefined;
    for (const callback of waiting) this.whenAwake(callback);
  }

  /** Nothing more happens here. */
  kill(): void {
    this.#isDead = true;
    this.#thawed = undefined;
    for (const happening of this.#pending) happening.isCancelled = true;
    this.#pending.clear();
  }
}
