import { failedPrecondition } from '@spider/core';
import type { Clock, Logger, Rng } from '@spider/runtime';
import type { ActiveDatabase } from '../db/active-database.ts';
import type { HeldLease } from '../db/writer-lease.ts';

export interface AwaitActivationOptions {
  /** Asks for the right to write. */
  readonly activate: () => Promise<ActiveDatabase | HeldLease>;
  /** Whether to wait for as long as it takes. */
  readonly standby: boolean;
  /** How long a lease lasts. */
  readonly durationMs: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/** A lease that is asked for when it is just about to lapse has not lapsed. */
const MARGIN_MS = 10;

/** Those that wait for the same lease do not all ask at once. */
const JITTER_MS = 20;

/**
 * Waits for the right to write. A storage that was killed may have left a lease behind, so that one
 * lease's duration is worth waiting for; whoever still holds it then is alive.
 *
 * @throws SpiderError 'failed-precondition' naming the holder, unless this is a standby; the
 * signal's reason.
 */
export async function awaitActivation(options: AwaitActivationOptions): Promise<ActiveDatabase> {
  const { activate, standby, durationMs, clock, rng, logger, signal } = options;
  const startUs = clock.monotonicUs();
  let last: HeldLease | undefined;
  let limitMs = 0;
  for (;;) {
    const result = await activate();
    if (result.kind === 'active') {
      if (last !== undefined) logger.info('this storage is the active one now');
      return result;
    }
    if (last === undefined) limitMs = Math.max(durationMs, result.retryMs) + MARGIN_MS + JITTER_MS;
    if (result.sessionId !== last?.sessionId) tell(result, standby, logger);
    last = result;
    const leftMs = standby ? Infinity : limitMs - (clock.monotonicUs() - startUs) / 1000;
    if (leftMs <= 0) throw heldByAnother(result);
    const pauseMs = result.retryMs + MARGIN_MS + rng.float() * JITTER_MS;
    await clock.sleep(Math.min(pauseMs, Math.ceil(leftMs)), { signal });
  }
}

function tell({ holder, sessionId }: HeldLease, standby: boolean, logger: Logger): void {
  const message = standby
    ? 'standing by: another storage is active on this database'
    : 'waiting for the lease of another storage on this database to lapse';
  logger.info(message, { holder, sessionId });
}

const heldByAnother = ({ holder, sessionId }: HeldLease): Error =>
  failedPrecondition(
    `${holder} is active on this database (session ${sessionId}) and keeps its lease: stop it ` +
      'first, or start this storage with standby: true, so that it takes over when that one ends',
  );
