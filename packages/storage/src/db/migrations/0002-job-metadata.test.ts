import { Kysely } from 'kysely';
import { expect, test } from 'vitest';
import { migrateJobMetadata } from '../../testing/job-metadata-migration.ts';
import { sqliteDialect } from '../dialect/sqlite.ts';
import type { Schema } from '../schema.ts';

test('jobs that were there before have no name and no labels, and a second run changes nothing', async () => {
  await using database = new Kysely<Schema>({ dialect: sqliteDialect({ path: ':memory:' }) });
  expect(await migrateJobMetadata(database, 'sqlite')).toEqual([
    { name: '', labels: null, priority: 0 },
  ]);
});
