/** Of the time that a task may take, how much is left when its signal fires. */
const MARGIN_SHARE = 0.1;
const MARGIN_MS_MAX = 1_000;
/** What timers can be set to. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface RunningTaskOptions {
  /** Calls back after so long, once. Answers what prevents it. */
  readonly setTimer: (delayMs: number, callback: () => void) => () => void;
}

/** The task that is being run, as far as somebody may want it to stop. */
export class RunningTask {
  readonly #options: RunningTaskOptions;
  #number = -1;
  #isActive = false;
  #hardTimeoutMs: number | undefined;
  #startUs = 0;
  #reason: string | undefined;
  #onStop: ((reason: string) => void) | undefined;
  #cancelTimer: (() => void) | undefined;
  readonly #nowUs: () => number;

  constructor(options: RunningTaskOptions, nowUs: () => number) {
    this.#options = options;
    this.#nowUs = nowUs;
  }

  /** The number of the task that began last. */
  get number(): number {
    return this.#number;
  }

  begin(number: number, startUs: number, hardTimeoutMs: number | undefined): void {
    this.#number = number;
    this.#isActive = true;
    this.#startUs = startUs;
    this.#hardTimeoutMs = hardTimeoutMs;
    this.#reason = undefined;
  }

  end(): void {
    this.#isActive = false;
    if (this.#onStop === undefined) return;
    this.#onStop = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** Tells the task to stop, if it is the one that is being run. */
  stop(number: number, reason: string): void {
    if (!this.#isActive || number !== this.#number || this.#reason !== undefined) return;
    this.#reason = reason;
    this.#onStop?.(reason);
  }

  /** See `TaskHost`. The timer is set only where somebody listens. */
  onStop(number: number, callback: (reason: string) => void): void {
    if (!this.#isActive || number !== this.#number) return;
    this.#onStop = callback;
    if (this.#reason !== undefined) {
      callback(this.#reason);
      return;
    }
    const limitMs = this.#hardTimeoutMs;
    if (limitMs === undefined) return;
    const marginMs = Math.min(limitMs * MARGIN_SHARE, MARGIN_MS_MAX);
    const spentMs = (this.#nowUs() - this.#startUs) / 1000;
    const delayMs = Math.max(0, limitMs - marginMs - spentMs);
    if (delayMs > TIMER_MS_MAX) return;
    this.#cancelTimer = this.#options.setTimer(delayMs, () =>
      this.stop(number, `the hard timeout (${limitMs} ms) is near`),
    );
  }
}
