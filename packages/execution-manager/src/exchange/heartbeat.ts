import type { Clock, Timer } from '@spider/runtime';

/** What is new goes out at this share of the interval, to be there in time. */
const EARLY = 0.75;
const INTERVAL_MS_MIN = 10;

/** Of the time after which somebody counts as silent; the rest is for what is sent then, and its answer. */
const SHARE_OF_SILENCE = 0.5;

export interface HeartbeatOptions {
  readonly clock: Clock;
  /** Tells the peer what is new. */
  readonly beat: () => void;
  /** Whether a beat would say what nothing else has said. */
  readonly hasNews: () => boolean;
  /** Pings the peer. It is `heard` when it answers. */
  readonly ping: () => void;
  /** How long nothing may be heard of the peer. */
  readonly silenceMs: number;
  /** Nothing was heard of it for so long. Nothing beats from now on. */
  readonly onSilence: () => void;
}

/** What the peer wants. */
export interface HeartbeatTerms {
  /** News waits no longer than this. */
  readonly intervalMs: number;
  /** How long the peer may hear nothing, pings included; 0 if it wants a beat in each interval. */
  readonly silenceMs: number;
}

/**
 * Sees to it that news does not wait, that the peer hears that we live, and that a peer of which nothing
 * is heard is asked, and given up in the end. A timer that fires looks when that was last, so that
 * sending and hearing cost no timer.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #askAfterUs: number;
  /** From a sign of life to the next one, if pings are such. */
  #signAfterUs: number | undefined;
  #newsAfterUs = 0;
  #lastSentUs = 0;
  #lastHeardUs = 0;
  #lastPingUs = 0;
  #lastLookUs = 0;
  #timer: Timer | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#askAfterUs = options.silenceMs * SHARE_OF_SILENCE * 1000;
  }

  start({ intervalMs, silenceMs }: HeartbeatTerms): void {
    this.stop();
    this.#newsAfterUs = Math.max(INTERVAL_MS_MIN, intervalMs * EARLY) * 1000;
    this.#signAfterUs = silenceMs === 0 ? undefined : silenceMs * SHARE_OF_SILENCE * 1000;
    const nowUs = this.#options.clock.monotonicUs();
    this.#lastSentUs = nowUs;
    this.#lastHeardUs = nowUs;
    this.#lastPingUs = nowUs;
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

  /** When a beat is due without news. */
  get #beatUs(): number {
    return this.#signAfterUs === undefined ? this.#lastSentUs + this.#newsAfterUs : Infinity;
  }

  get #pingUs(): number {
    const askUs = Math.max(this.#lastHeardUs, this.#lastPingUs) + this.#askAfterUs;
    if (this.#signAfterUs === undefined) return askUs;
    return Math.min(askUs, Math.max(this.#lastSentUs, this.#lastPingUs) + this.#signAfterUs);
  }

  get #silentUs(): number {
    return this.#lastHeardUs + this.#options.silenceMs * 1000;
  }

  #wait(nowUs: number): void {
    const lookUs = this.#lastLookUs + this.#newsAfterUs;
    const dueUs = Math.min(this.#beatUs, this.#pingUs, this.#silentUs, lookUs);
    this.#timer = this.#options.clock.setTimer((dueUs - nowUs) / 1000, () => this.#look());
  }

  #look(): void {
    const { clock, beat, hasNews, ping, onSilence } = this.#options;
    const nowUs = clock.monotonicUs();
    this.#lastLookUs = nowUs;
    if (nowUs >= this.#silentUs) {
      this.stop();
      onSilence();
      return;
    }
    if (nowUs >= this.#beatUs || hasNews()) {
      this.#lastSentUs = nowUs;
      beat();
    }
    if (nowUs >= this.#pingUs) {
      this.#lastPingUs = nowUs;
      ping();
    }
    this.#wait(nowUs);
  }
}
