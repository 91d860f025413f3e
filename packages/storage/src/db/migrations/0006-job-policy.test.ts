import { DEFAULT_JOB_POLICY } from '@spider/core';
import { Kysely } from 'kysely';
import { expect, test } from 'vitest';
import { sqliteDialect } from '../dialect/sqlite.ts';
import { JOB_COLUMNS, toStoredJob } from '../job-row.ts';
import type { Schema } from '../schema.ts';
import { initialMigration } from './0001-initial.ts';
import { jobMetadataMigration } from './0002-job-metadata.ts';
import { jobRetryMigration } from './0005-job-retry.ts';
import { jobPolicyMigration } from './0006-job-policy.ts';
import { jobPlacementMigration } from './0010-job-placement.ts';

test('jobs that were there before have the usual policy, and a second run changes nothing', async () => {
  await using database = new Kysely<Schema>({ dialect: sqliteDialect({ path: ':memory:' }) });
  await initialMigration('sqlite').up(database);
  await jobMetadataMigration('sqlite').up(database);
  await jobRetryMigration('sqlite').up(database);
  const job = { resource_group_id: 1, idempotency_key: null, state: 1, task_count: 1 };
  await database
    .insertInto('jobs')
    .values({ ...job, submitted_at: 1000 })
    .execute();
  await jobPolicyMigration('sqlite').up(database);
  await jobPolicyMigration('sqlite').up(database);
  // Rows are read with all columns of today.
  await jobPlacementMigration('sqlite').up(database);
  const row = await database.selectFrom('jobs').select(JOB_COLUMNS).executeTakeFirstOrThrow();
  expect(toStoredJob(row)).toMatchObject({
    policy: DEFAULT_JOB_POLICY,
    endReason: undefined,
    failedTasks: 0,
    skippedTasks: 0,
  });
});
