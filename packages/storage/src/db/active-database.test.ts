import { timestampMs } from '@spider/core';
import { expect, test } from 'vitest';
import { openMemoryDatabase } from '../testing/memory-store.ts';
import type { ActiveDatabase } from './active-database.ts';
import { SupersededError } from './store-error.ts';

const AT = timestampMs(1);
const active = { holder: 'the active one', durationMs: 3_000 };
const standby = { holder: 'a standby', durationMs: 3_000 };

test('a lease lapses by the clock of the database, and whoever held it writes nothing more', async () => {
  let nowMs = 1_000;
  await using database = await openMemoryDatabase(() => nowMs);
  const first = (await database.activate(active, AT)) as ActiveDatabase;
  nowMs += 2_000;
  await first.lease.renew();

  nowMs += 2_999;
  const { sessionId } = first.store;
  expect(await database.activate(standby, AT)).toEqual({
    kind: 'held',
    holder: 'the active one',
    sessionId,
    retryMs: 1,
    isValid: true,
  });

  nowMs += 1;
  expect(await database.activate(standby, AT)).toMatchObject({ kind: 'active' });
  await expect(first.lease.renew()).rejects.toBeInstanceOf(SupersededError);
});

test('whoever releases its lease lets the next one start at once', async () => {
  await using database = await openMemoryDatabase(() => 1_000);
  const first = (await database.activate(active, AT)) as ActiveDatabase;
  await first.lease.release();
  expect(await database.activate(standby, AT)).toMatchObject({ kind: 'active' });
});
