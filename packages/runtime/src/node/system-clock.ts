import { performance } from 'node:perf_hooks';
import { setTimeout as sleepMs } from 'node:timers/promises';

import { timestampMs } from '@spider/core';

import type { Clock, Timer } from '../clock.ts';

/** A longer delay would wrap around in the platform's timers and fire at once. */
const LONGEST_DELAY_MS = 0x7fff_ffff;

/** The real time. */
export const systemClock: Clock = {
  now: () => timestampMs(Date.now()),
  monotonicUs: () => performance.now() * 1_000,
  setTimer: (delayMs, callback) => new SystemTimer(delayMs, callback),
  defer: (callback) => void setImmediate(callback),

  async sleep(delayMs, options = {}) {
    const { signal } = options;
    signal?.throwIfAborted();
    try {
      for (let leftMs = delayMs; leftMs > 0; leftMs -= LONGEST_DELAY_MS) {
        await sleepMs(Math.min(leftMs, LONGEST_DELAY_MS), undefined, signal && { signal });
      }
    } catch (error) {
      // The platform rejects with an error of its own.
      signal?.throwIfAborted();
      throw error;
    }
  },
};

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout;

  constructor(delayMs: number, callback: () => void) {
    this.#handle = this.#start(delayMs, callback);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #start(delayMs: number, callback: () => void): NodeJS.Timeout {
    const leftMs = delayMs - LONGEST_DELAY_MS;
    const handle =
      leftMs > 0
        ? setTimeout(() => (this.#handle = this.#start(leftMs, callback)), LONGEST_DELAY_MS)
        : setTimeout(callback, delayMs);
    return handle.unref();
  }
}
