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

/**
 * Renews the right to write, and gives it back in the end. That it is lost is told by the store, as
 * by any other write.
 */
export class WriterLeaseKeeper implements AsyncDisposable {
  readonly #options: WriterLeaseKeeperOptions;
  #timer: Timer | undefined;
  #renewal: Promise<void> | undefined;
  #isClosed = false;
  #isLost = false;

  constructor(options: WriterLeaseKeeperOptions) {
    this.#options = options;
    this.#arm();
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

  #arm(): void {
    const { lease, clock, renewMs } = this.#options;
    if (lease.durationMs === undefined || this.#isClosed || this.#isLost) return;
    this.#timer = clock.setTimer(renewMs, () => {
      this.#renewal = this.#renew();
    });
  }

  async #renew(): Promise<void> {
    const { lease, logger } = this.#options;
    try {
      await lease.renew();
    } catch (error) {
      // Without the lease it may go on as long as nobody else starts: each write finds out.
      this.#isLost = error instanceof SupersededError;
      if (!this.#isLost) logger.warn('the lease could not be renewed just now', { error });
    }
    this.#arm();
  }
}
