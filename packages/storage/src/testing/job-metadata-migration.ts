import type { Kysely } from 'kysely';
import { initialMigration } from '../db/migrations/0001-initial.ts';
import { jobMetadataMigration } from '../db/migrations/0002-job-metadata.ts';
import type { Engine } from '../db/migrations/column-types.ts';
import type { Schema } from '../db/schema.ts';

export interface MigratedJob {
  readonly name: string;
  readonly labels: string | null;
  readonly priority: number;
}

/** Takes an empty database through the migration with a job in it, twice. Answers the jobs then. */
export async function migrateJobMetadata(
  database: Kysely<Schema>,
  engine: Engine,
): Promise<MigratedJob[]> {
  await initialMigration(engine).up(database);
  const job = { resource_group_id: 1, idempotency_key: null, state: 1, task_count: 1 };
  await database
    .insertInto('jobs')
    .values({ ...job, submitted_at: 1000 })
    .execute();
  await jobMetadataMigration(engine).up(database);
  // As after a process that died before it could note that it was done.
  await jobMetadataMigration(engine).up(database);
  const rows = await database.selectFrom('jobs').select(['name', 'labels', 'priority']).execute();
  return rows.map((row) => ({ ...row, priority: Number(row.priority) }));
}
