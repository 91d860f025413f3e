import { Kysely } from 'kysely';
import { expect, test } from 'vitest';
import { sqliteDialect } from '../dialect/sqlite.ts';
import type { Schema } from '../schema.ts';
import { initialMigration } from './0001-initial.ts';
import { jobRetryMigration } from './0005-job-retry.ts';

test('jobs that were there before retry no other, and a second run changes nothing', async () => {
  await using database = new Kysely<Schema>({ dialect: sqliteDialect({ path: ':memory:' }) });
  await initialMigration('sqlite').up(database);
  const job = { resource_group_id: 1, idempotency_key: null, state: 1, task_count: 1 };
  await database
    .insertInto('jobs')
    .values({ ...job, submitted_at: 1000 })
    .execute();
  await jobRetryMigration('sqlite').up(database);
  await jobRetryMigration('sqlite').up(database);
  const rows = await database.selectFrom('jobs').select('retry_of_job_id').execute();
  expect(rows).toEqual([{ retry_of_job_id: null }]);
});
