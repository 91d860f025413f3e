import { SpiderError } from '@spider/core';
import { retry } from '@spider/runtime';
import type { Logger } from '@spider/runtime';
import { awaitActivation, WriterLeaseKeeper } from '@spider/storage';
import type { Store, WriterLease } from '@spider/storage';
import type { MemoryDatabase } from '@spider/storage/testing';

import { callDatabase } from './sim-store.ts';
import type { DatabaseAccess } from './sim-store.ts';

/**
 * Who is active: on an SQLite file the process that has its lock, for as long as it lives; on a
 * database server the one whose lease has not lapsed, and a standby waits for that.
 */
export type TakeOver = 'lock' | 'lease';

export interface SimActivationOptions extends DatabaseAccess {
  readonly database: MemoryDatabase;
  readonly logger: Logger;
  readonly takeOver: TakeOver;
  /** How long a lease lasts. It is renewed three times as often. */
  readonly leaseMs: number;
  /** Ends the wait. */
  readonly signal: AbortSignal;
  /** A session was opened, though the process may never learn of it. */
  readonly onSession: (session: bigint) => void;
}

export interface SimActivation {
  readonly store: Store;
  readonly lease: WriterLeaseKeeper | undefined;
}

/** Waits for the right to write. @throws the signal's reason. */
export async function activate(options: SimActivationOptions): Promise<SimActivation> {
  const { process, database, logger, takeOver, leaseMs, signal, onSession } = options;
  const { clock, rng } = process;
  if (takeOver === 'lock') {
    const store = await database.openStore(clock.now());
    onSession(store.sessionId);
    return { store, lease: undefined };
  }
  const terms = { holder: process.name, durationMs: leaseMs };
  const activateOnce = () =>
    callDatabase(
      () => database.activate(terms, clock.now()),
      options,
      (result) => {
        if (result.kind === 'active') onSession(result.store.sessionId);
      },
    );
  const { store, lease } = await awaitActivation({
    activate: () =>
      retry(activateOnce, { clock, rng, signal, maxRetries: Infinity, isRetryable: isTransient }),
    standby: true,
    durationMs: leaseMs,
    clock,
    rng,
    logger,
    signal,
  });
  const keeper = await WriterLeaseKeeper.start({
    lease: simLease(lease, options),
    clock,
    logger,
    renewMs: leaseMs / 3,
  });
  return { store, lease: keeper };
}

const simLease = ({ durationMs, ...lease }: WriterLease, access: DatabaseAccess): WriterLease => ({
  durationMs,
  renew: () => callDatabase(() => lease.renew(), access),
  release: () => callDatabase(() => lease.release(), access),
});

const isTransient = (error: unknown): boolean =>
  error instanceof SpiderError && error.code === 'unavailable';
