import type { TimestampMs } from '@spider/core';
import type { Store } from '../db/job-store.ts';
import { connectDatabase, openStore, storeOf } from '../db/open-store.ts';
import { SessionDatabase } from '../db/session-database.ts';

/** A database that is gone when its store is disposed of. */
export const openMemoryStore = (): Promise<Store> =>
  openStore({ engine: 'sqlite', path: ':memory:' }, 1 as TimestampMs);

/** A database in memory on which one session after another can be opened, as after restarts. */
export interface MemoryDatabase extends AsyncDisposable {
  /** Opens a session, which takes the right to write from all earlier ones. */
  openStore(at: TimestampMs): Promise<Store>;
}

export async function openMemoryDatabase(): Promise<MemoryDatabase> {
  const kysely = await connectDatabase({ engine: 'sqlite', path: ':memory:' });
  return {
    async openStore(at) {
      const session = await SessionDatabase.open(kysely, 'sqlite', at);
      return storeOf(session, async () => undefined);
    },
    [Symbol.asyncDispose]: () => kysely.destroy(),
  };
}
