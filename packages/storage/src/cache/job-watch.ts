import type { Clock, Timer } from '@spider/runtime';

export interface JobWatchOptions {
  readonly clock: Clock;
  /** The least time between two notices; Infinity gives none before the end. */
  readonly minIntervalMs: number;
  /** The job has changed, or has ended; comes once more, and last, when it has ended. */
  readonly notify: (hasEnded: boolean) => void;
}

/** Someone who wants to know when a job changes, though not more often than they can bear. */
export class JobWatch {
  readonly #options: JobWatchOptions;
  #lastUs = -Infinity;
  #timer: Timer | undefined;

  constructor(options: JobWatchOptions) {
    this.#options = options;
  }

  changed(): void {
    const { clock, minIntervalMs } = this.#options;
    if (this.#timer !== undefined || minIntervalMs === Infinity) return;
    const waitMs = minIntervalMs - (clock.monotonicUs() - this.#lastUs) / 1000;
    if (waitMs <= 0) this.#notify();
    else this.#timer = clock.setTimer(waitMs, () => this.#notify());
  }

  ended(): void {
    this.close();
    this.#options.notify(true);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #notify(): void {
    this.#timer = undefined;
    this.#lastUs = this.#options.clock.monotonicUs();
    this.#options.notify(false);
  }
}
