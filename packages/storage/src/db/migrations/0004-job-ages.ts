import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Schema } from '../schema.ts';
import type { Engine } from './column-types.ts';

/** To find the jobs that ended first. */
export const jobAgesMigration = (engine: Engine): Migration => ({
  async up(db: Kysely<Schema>): Promise<void> {
    if (engine === 'mysql' && (await hasIndex(db))) return;
    await db.schema
      .createIndex('jobs_ended')
      // MySQL does not know these words.
      .$call((index) => (engine === 'sqlite' ? index.ifNotExists() : index))
      .on('jobs')
      .columns(['state', 'ended_at'])
      .execute();
  },
});

async function hasIndex(db: Kysely<Schema>): Promise<boolean> {
  const { rows } = await sql`select 1 from information_schema.statistics
    where table_schema = database() and table_name = 'jobs' and index_name = 'jobs_ended'
    limit 1`.execute(db);
  return rows.length > 0;
}
