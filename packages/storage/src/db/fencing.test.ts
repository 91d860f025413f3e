import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TimestampMs } from '@spider/core';
import { describeFencing } from '../testing/fencing-contract.ts';
import { connectDatabase, openStore } from './open-store.ts';

describeFencing('SQLite', async (run) => {
  const folder = await mkdtemp(join(tmpdir(), 'spider-fencing-'));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(folder, { recursive: true }));
  const options = { engine: 'sqlite', path: join(folder, 'store.sqlite') } as const;
  const kysely = await connectDatabase(options);
  cleanup.defer(() => kysely.destroy());
  await run({ kysely, open: () => openStore(options, 1 as TimestampMs) });
});
