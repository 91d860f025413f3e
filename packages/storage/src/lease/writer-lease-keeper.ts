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

/** The pause before another attempt to renew a lease, after one that failed or while it is not sure. */
const RETRY_PAUSE_MS = 100;

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
  /** Fires when the right ceases to be sure, so that those who listen need not wait for a call. */
  #expiry: Timer | undefined;
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
    if (!isSure && sinceMs >= RETRY_PAUSE_MS) this.#renewNow();
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
    this.#expiry?.cancel();
    await this.#renewal;
    if (this.#isLost) return;
    const { lease, logger } = this.#options;
    await lease.release().catch((error: unknown) => {
      if (!(error instanceof SupersededError)) logger.warn('the lease lapses by itself', { error });
    });
  }

  /** How long the right stays sure unless it is renewed. */
  get #sureMs(): number {
    const { lease, clock } = this.#options;
    const { durationMs = Infinity } = lease;
    // The one clock may stand still with the machine, the other one may be set.
    const monotonicMs = (clock.monotonicUs() - this.#renewedUs) / 1000;
    const elapsedMs = Math.max(monotonicMs, clock.now() - this.#renewedAt);
    return this.#isLost ? 0 : durationMs - MARGIN_MS - elapsedMs;
  }

  #look(): boolean {
    if (this.#options.lease.durationMs === undefined) return true;
    const isSure = this.#sureMs > 0;
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
    this.#expiry?.cancel();
    const isSure = this.#look();
    if (this.#isClosed || this.#isLost) return;
    if (isSure) this.#expiry = clock.setTimer(Math.ceil(this.#sureMs), () => this.#look());
    const isRenewed = this.#renewedUs === askedUs;
    const pauseMs = isSure && isRenewed ? renewMs : RETRY_PAUSE_MS;
    this.#timer = clock.setTimer(pauseMs, () => this.#renewNow());
  }

  #changed(isSure: boolean): void {
    this.#wasSure = isSure;
    if (!isSure) this.#options.logger.warn(`${NOT_SURE}; nobody is answered until it is`);
    for (const listener of this.#listeners) listener(isSure);
  }
}

/** Why nobody is answered. */
export const NOT_SURE = 'it is not sure that this storage still has the right to write';
