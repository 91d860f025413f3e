import type { Clock, Timer } from '@spider/runtime';

export interface AcknowledgementWatchOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** A batch has waited for at least the timeout, and at most twice that. */
  readonly onOverdue: (batch: number) => void;
}

/**
 * Notices that an execution manager keeps a batch without acknowledging it. One timer for each
 * stream, which asks for the last batch that had been sent when it was set: acknowledgements cost
 * nothing.
 */
export class AcknowledgementWatch {
  readonly #options: AcknowledgementWatchOptions;
  #timer: Timer | undefined;
  #lastSent = 0;
  #lastAcknowledged = 0;

  constructor(options: AcknowledgementWatchOptions) {
    this.#options = options;
  }

  sent(batch: number): void {
    this.#lastSent = batch;
    if (this.#timer === undefined) this.#watch(batch);
  }

  acknowledged(batch: number): void {
    if (batch > this.#lastAcknowledged) this.#lastAcknowledged = batch;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #watch(batch: number): void {
    const { clock, timeoutMs, onOverdue } = this.#options;
    this.#timer = clock.setTimer(timeoutMs, () => {
      this.#timer = undefined;
      if (this.#lastSent > this.#lastAcknowledged) this.#watch(this.#lastSent);
      if (batch > this.#lastAcknowledged) onOverdue(batch);
    });
  }
}
