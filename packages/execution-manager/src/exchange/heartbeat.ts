import type { Clock, Timer } from '@spider/runtime';

/** Heartbeats go out at this share of the interval, to be there in time. */
const EARLY = 0.75;
const INTERVAL_MS_MIN = 10;

/**
 * Sees to it that something is sent at least once in an interval, and that news does not wait for
 * longer. A timer that fires looks when something was sent last, so that sending costs no timer.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #beat: () => void;
  readonly #hasNews: () => boolean;
  #delayMs = 0;
  #lastSentUs = 0;
  #timer: Timer | undefined;

  /**
   * @param beat sends something, and calls `sent` as every sender does.
   * @param hasNews whether a beat would say what nothing else has said.
   */
  constructor(clock: Clock, beat: () => void, hasNews: () => boolean = () => false) {
    this.#clock = clock;
    this.#beat = beat;
    this.#hasNews = hasNews;
  }

  start(intervalMs: number): void {
    this.stop();
    this.#delayMs = Math.max(INTERVAL_MS_MIN, intervalMs * EARLY);
    this.#lastSentUs = this.#clock.monotonicUs();
    this.#wait(this.#delayMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  sent(): void {
    this.#lastSentUs = this.#clock.monotonicUs();
  }

  #wait(delayMs: number): void {
    this.#timer = this.#clock.setTimer(delayMs, () => {
      const silentMs = (this.#clock.monotonicUs() - this.#lastSentUs) / 1000;
      if (silentMs < this.#delayMs && !this.#hasNews()) {
        this.#wait(this.#delayMs - silentMs);
        return;
      }
      this.#beat();
      this.#wait(this.#delayMs);
    });
  }
}
