import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TimestampMs } from '@spider/core';
import { describeSpills } from '../../test/spill-contract.ts';
import { openStore } from '../db/open-store.ts';

describeSpills('SQLite', async (run) => {
  const folder = await mkdtemp(join(tmpdir(), 'spider-spills-'));
  try {
    const path = join(folder, 'store.sqlite');
    await run(() => openStore({ engine: 'sqlite', path }, 1 as TimestampMs));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
