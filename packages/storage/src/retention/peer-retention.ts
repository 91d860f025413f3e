import type { TimestampMs } from '@spider/core';
import type { Clock, Logger, Timer } from '@spider/runtime';
import type { ClusterStore } from '../db/job-store.ts';
import { SupersededError } from '../db/store-error.ts';

/** Rows that are deleted in one transaction, and the pause until the next ones. */
const BATCH_ROWS = 1000;
const PAUSE_MS = 100;

/** After an error. */
const RETRY_MS = 60_000;

export interface PeerRetentionOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: Pick<ClusterStore, 'deleteEndedExecutionManagers' | 'deleteOldSessions'>;
  /** How long execution managers that have ended, and earlier starts of storage, are remembered. */
  readonly retentionMs: number;
}

/**
 * Forgets processes that were. As with jobs it looks at the database when the next one is due; where
 * none is known, when one that ends just now would be.
 */
export class PeerRetention implements Disposable {
  readonly #options: PeerRetentionOptions;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: PeerRetentionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#lookAfter(0);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #lookAfter(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    const { clock, logger, store, retentionMs } = this.#options;
    try {
      const before = (clock.now() - retentionMs) as TimestampMs;
      const sessions = await store.deleteOldSessions(before, BATCH_ROWS);
      const { deleted, nextEndedAt } = await store.deleteEndedExecutionManagers(before, BATCH_ROWS);
      if (deleted > 0) logger.info('execution managers are forgotten', { count: deleted });
      if (sessions === BATCH_ROWS || deleted === BATCH_ROWS) return this.#lookAfter(PAUSE_MS);
      const leftMs = nextEndedAt === undefined ? retentionMs : nextEndedAt - before;
      // Not longer than for one of now: the clock of the day may have been set back.
      this.#lookAfter(Math.min(leftMs, retentionMs));
    } catch (error) {
      // Whoever runs storage is told by the store.
      if (error instanceof SupersededError) return;
      logger.warn('ended execution managers could not be forgotten just now', { error });
      this.#lookAfter(RETRY_MS);
    }
  }
}
