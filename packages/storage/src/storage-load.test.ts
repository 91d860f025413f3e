import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TimestampMs } from '@spider/core';
import { openStore } from './db/open-store.ts';
import { describeLoads } from './testing/load-contract.ts';

describeLoads('SQLite', async (run) => {
  const folder = await mkdtemp(join(tmpdir(), 'spider-load-'));
  try {
    await run(
      await openStore({ engine: 'sqlite', path: join(folder, 'a.sqlite') }, 1 as TimestampMs),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
