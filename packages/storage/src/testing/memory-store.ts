import type { TimestampMs } from '@spider/core';
import { activateByLease } from '../db/active-database.ts';
import type { ActiveDatabase } from '../db/active-database.ts';
import type { Store } from '../db/job-store.ts';
import { connectDatabase, openStore, storeOf } from '../db/open-store.ts';
import { SessionDatabase } from '../db/session-database.ts';
import type { HeldLease, LeaseTerms } from '../db/writer-lease.ts';

/** A database that is gone when its store is disposed of. */
export const openMemoryStore = (): Promise<Store> =>
  openStore({ engine: 'sqlite', path: ':memory:' }, 1 as TimestampMs);

/** A database in memory on which one session after another can be opened, as after restarts. */
export interface MemoryDatabase extends AsyncDisposable {
  /** Opens a session, which takes the right to write from all earlier ones. */
  openStore(at: TimestampMs): Promise<Store>;
  /** Opens one unless another storage holds a lease, as on a database server. */
  activate(terms: LeaseTerms, at: TimestampMs): Promise<ActiveDatabase | HeldLease>;
}

/** By default leases lapse by the clock of this machine. */
export async function openMemoryDatabase(nowMs?: () => number): Promise<MemoryDatabase> {
  const kysely = await connectDatabase({
    engine: 'sqlite',
    path: ':memory:',
    ...(nowMs && { nowMs }),
  });
  return {
    async openStore(at) {
      const session = await SessionDatabase.open(kysely, 'sqlite', at);
      return storeOf(session, async () => undefined);
    },
    activate: (terms, at) => activateByLease(kysely, 'sqlite', terms, at),
    [Symbol.asyncDispose]: () => kysely.destroy(),
  };
}
