import type { TimestampMs } from '@spider/core';
import type { Kysely } from 'kysely';
import type { Store } from './job-store.ts';
import type { Engine } from './migrations/column-types.ts';
import { storeOf } from './open-store.ts';
import type { Schema } from './schema.ts';
import { SessionDatabase } from './session-database.ts';
import { newRenewal, releaseLease, writeLease } from './writer-lease.ts';
import type { HeldLease, LeaseTerms, WriterLease } from './writer-lease.ts';

/** The right to write, and what writes by it. */
export interface ActiveDatabase {
  readonly kind: 'active';
  readonly store: Store;
  readonly lease: WriterLease;
}

/** Takes the right to write, with a new session, unless another storage holds a lease on it. */
export async function activateByLease(
  kysely: Kysely<Schema>,
  engine: Engine,
  terms: LeaseTerms,
  at: TimestampMs,
): Promise<ActiveDatabase | HeldLease> {
  const session = await SessionDatabase.openWhenFree(kysely, engine, at, terms);
  if (!(session instanceof SessionDatabase)) return session;
  const { sessionId } = session;
  const renewIfHeld = newRenewal(kysely, engine, sessionId, terms.durationMs);
  const lease: WriterLease = {
    durationMs: terms.durationMs,
    renew: async () => {
      // One that has lapsed may be somebody else's by now.
      if (await session.read(renewIfHeld)) return;
      await session.write((transaction) => writeLease(transaction, engine, sessionId, terms));
    },
    release: () => session.write(releaseLease),
  };
  return { kind: 'active', store: storeOf(session, async () => undefined), lease };
}
