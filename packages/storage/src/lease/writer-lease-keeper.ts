import { SpiderError } from '@spider/core';
import type { Clock, Logger, Timer } from '@spider/runtime';
import { SupersededError } from '../db/store-error.ts';
import type { WriterLease } from '../db/writer-lease.ts';

export interface WriterLeaseKeeperOptions {
  readonly lease: WriterLease;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The pause between two renewals. */
  readonly renewMs: number;
}

/** Whether the right to write is sure, for those who answer others. */
export interface WriterRight {
  /** Whether nobody else can have the right to write yet. */
  readonly isSure: boolean;
  /** @throws SpiderError 'unavailable' if another storage may be active. */
  assertSure(): void;
  /** Calls back whenever it has ceased to be sure, or is sure again. */
  onChange(listener: (isSure: boolean) => void): void;
}

/** So much earlier than the database we take the lease for lapsed, as clocks differ in pace. */
const MARGIN_MS = 50;

/** The pause between two attempts to renew a lease that is not sure any more. */
const UNSURE_PAUSE_MS = 100;

/**
 * Renews the right to write, and gives it back in the end. That it is lost is told by the store, as
 * by any other write.
 *
 * Between renewals it knows by the clocks of this machine until when nobody else can have taken the
 * right. After that, because the database does not answer or because this process stood still,
 * another storage may be active already: whoever is about to answer anybody asks `isSure` before.
 */
export class WriterLeaseKeeper implements WriterRight, AsyncDisposable {
  readonly #options: WriterLeaseKeeperOptions;
  readonly #listeners: ((isSure: boolean) => void)[] = [];
  #timer: Timer | undefined;
  #renewal: Promise<void> | undefined;
  #isClosed = false;
  #isLost = false;
  #wasSure = false;
  /** When the last renewal that succeeded was asked for, by both clocks. */
  #renewedUs = -Infinity;
  #renewedAt = -Infinity;
  /** When one was asked for last. */
  #askedUs = -Infinity;

  private constructor(options: WriterLeaseKeeperOptions) {
    this.#options = options;
  }

  /** Resolves when the lease has been renewed once, or could not be just now. */
  static async start(options: WriterLeaseKeeperOptions): Promise<WriterLeaseKeeper> {
    const keeper = new WriterLeaseKeeper(options);
    keeper.#renewNow();
    await keeper.#renewal;
    return keeper;
  }

  /** If it is not, the lease is renewed at once. */
  get isSure(): boolean {
    const isSure = this.#look();
    const sinceMs = (this.#options.clock.monotonicUs() - this.#askedUs) / 1000;
    if (!isSure && sinceMs >= UNSURE_PAUSE_MS) this.#renewNow();
    return isSure;
  }

  assertSure(): void {
    if (!this.isSure) throw new SpiderError('unavailable', NOT_SURE);
  }

  onChange(listener: (isSure: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** The next storage need not wait for the lease to lapse. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#renewal;
    if (this.#isLost) return;
    const { lease, logger } = this.#options;
    await lease.release().catch((error: unknown) => {
      if (!(error instanceof SupersededError)) logger.warn('the lease lapses by itself', { error });
    });
  }

  #look(): boolean {
    const { lease, clock } = this.#options;
    if (lease.durationMs === undefined) return true;
    // The one clock may stand still with the machine, the other one may be set.
    const monotonicMs = (clock.monotonicUs() - this.#renewedUs) / 1000;
    const elapsedMs = Math.max(monotonicMs, clock.now() - this.#renewedAt);
    const isSure = !this.#isLost && elapsedMs < lease.durationMs - MARGIN_MS;
    if (isSure !== this.#wasSure) this.#changed(isSure);
    return isSure;
  }

  #renewNow(): void {
    if (this.#isClosed || this.#isLost || this.#renewal !== undefined) return;
    this.#timer?.cancel();
    this.#renewal = this.#renew();
  }

  async #renew(): Promise<void> {
    const { lease, clock, logger, renewMs } = this.#options;
    if (lease.durationMs === undefined) return;
    const askedUs = clock.monotonicUs();
    const askedAt = clock.now();
    this.#askedUs = askedUs;
    try {
      await lease.renew();
      this.#renewedUs = askedUs;
      this.#renewedAt = askedAt;
    } catch (error) {
      // Each write finds out, and the process ends by that.
      this.#isLost = error instanceof SupersededError;
      if (!this.#isLost) logger.warn('the lease could not be renewed just now', { error });
    }
    this.#renewal = undefined;
    const pauseMs = this.#look() ? renewMs : UNSURE_PAUSE_MS;
    if (this.#isClosed || this.#isLost) return;
    this.#timer = clock.setTimer(pauseMs, () => this.#renewNow());
  }

  #changed(isSure: boolean): void {
    this.#wasSure = isSure;
    if (!isSure) this.#options.logger.warn(`${NOT_SURE}; nobody is answered until it is`);
    for (const listener of this.#listeners) listener(isSure);
  }
}

const NOT_SURE = 'it is not sure that this storage still has the right to write';
