import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TimestampMs } from '@spider/core';
import { describeQuarantine } from '../../test/quarantine-contract.ts';
import { openStore } from '../db/open-store.ts';

describeQuarantine('SQLite', async (run) => {
  const folder = await mkdtemp(join(tmpdir(), 'spider-quarantine-'));
  try {
    const path = join(folder, 'store.sqlite');
    await run(() => openStore({ engine: 'sqlite', path }, 1 as TimestampMs));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
