import type { TimestampMs } from '@spider/core';
import type { Store } from '../db/job-store.ts';
import { openStore } from '../db/open-store.ts';

/** A database that is gone when its store is disposed of. */
export const openMemoryStore = (): Promise<Store> =>
  openStore({ engine: 'sqlite', path: ':memory:' }, 1 as TimestampMs);
