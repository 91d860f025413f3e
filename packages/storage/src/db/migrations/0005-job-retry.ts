import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Schema } from '../schema.ts';
import { columnTypes } from './column-types.ts';
import type { Engine } from './column-types.ts';
import { hasColumn } from './has-column.ts';

/** Which job a job was submitted to retry. */
export const jobRetryMigration = (engine: Engine): Migration => ({
  async up(db: Kysely<Schema>): Promise<void> {
    if (await hasColumn(db, 'jobs', 'retry_of_job_id')) return;
    await db.schema
      .alterTable('jobs')
      .addColumn('retry_of_job_id', columnTypes(engine).bigint)
      .execute();
  },
});
