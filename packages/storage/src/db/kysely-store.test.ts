import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TimestampMs } from '@spider/core';
import { expect, test } from 'vitest';
import { describeStore } from '../testing/store-contract.ts';
import { openStore } from './open-store.ts';

async function inNewFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spider-store-'));
  try {
    await run(join(folder, 'store.sqlite'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describeStore('SQLite', (run) =>
  inNewFolder((path) => run(() => openStore({ engine: 'sqlite', path }, 1 as TimestampMs))),
);

test('processes that start at the same time, on an empty database, get sessions of their own', () =>
  inNewFolder(async (path) => {
    const script = fileURLToPath(new URL('../testing/open-session.ts', import.meta.url));
    const args = ['--conditions=@spider/source', script, path];
    const starts = Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, args));
    const sessions = (await Promise.all(starts)).map(({ stdout }) => stdout.trim());
    expect(sessions.sort()).toEqual(['1', '2', '3', '4']);
  }));
