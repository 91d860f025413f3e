import type { Clock, Timer } from '@spider/runtime';

/** Heartbeats go out at this share of the interval, to be there in time. */
const EARLY = 0.75;
const INTERVAL_MS_MIN = 10;

/** So many of them may be lost, or be answered late, before a peer counts as silent. */
const BEATS_PER_SILENCE = 3;

export interface HeartbeatOptions {
  readonly clock: Clock;
  /** Sends something that is answered at once, and calls `sent` as every sender does. */
  readonly beat: () => void;
  /** Whether a beat would say what nothing else has said. */
  readonly hasNews: () => boolean;
  /** How long the peer may say nothing. */
  readonly silenceMs: number;
  /** It has said nothing for so long. Nothing beats from now on. */
  readonly onSilence: () => void;
}

/**
 * Sees to it that something is sent at least once in an interval, that news does not wait for longer,
 * and that a peer of which nothing is heard is asked, and given up in the end. A timer that fires looks
 * when that was last, so that sending and hearing cost no timer.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #delayUs = 0;
  #lastSentUs = 0;
  #lastHeardUs = 0;
  #lastBeatUs = 0;
  #lastLookUs = 0;
  #timer: Timer | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(intervalMs: number): void {
    this.stop();
    const { clock, silenceMs } = this.#options;
    const delayMs = Math.min(intervalMs * EARLY, silenceMs / BEATS_PER_SILENCE);
    this.#delayUs = Math.max(INTERVAL_MS_MIN, delayMs) * 1000;
    const nowUs = clock.monotonicUs();
    this.#lastSentUs = nowUs;
    this.#lastHeardUs = nowUs;
    this.#lastBeatUs = nowUs;
    this.#lastLookUs = nowUs;
    this.#wait(nowUs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  sent(): void {
    this.#lastSentUs = this.#options.clock.monotonicUs();
  }

  heard(): void {
    this.#lastHeardUs = this.#options.clock.monotonicUs();
  }

  /** When a peer is to be asked, or told that we live. */
  get #beatUs(): number {
    return (
      this.#delayUs + Math.max(this.#lastBeatUs, Math.min(this.#lastSentUs, this.#lastHeardUs))
    );
  }

  get #silentUs(): number {
    return this.#lastHeardUs + this.#options.silenceMs * 1000;
  }

  #wait(nowUs: number): void {
    const dueUs = Math.min(this.#beatUs, this.#silentUs, this.#lastLookUs + this.#delayUs);
    this.#timer = this.#options.clock.setTimer((dueUs - nowUs) / 1000, () => this.#look());
  }

  #look(): void {
    const { clock, beat, hasNews, onSilence } = this.#options;
    const nowUs = clock.monotonicUs();
    this.#lastLookUs = nowUs;
    if (nowUs >= this.#silentUs) {
      this.stop();
      onSilence();
      return;
    }
    if (nowUs >= this.#beatUs || hasNews()) {
      this.#lastBeatUs = nowUs;
      beat();
    }
    this.#wait(nowUs);
  }
}
