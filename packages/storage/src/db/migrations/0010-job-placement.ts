import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Schema } from '../schema.ts';
import { columnTypes } from './column-types.ts';
import type { Engine } from './column-types.ts';
import { hasColumn } from './has-column.ts';

/** Where the tasks of a job may run, and how many at a time. */
export const jobPlacementMigration = (engine: Engine): Migration => ({
  async up(db: Kysely<Schema>): Promise<void> {
    const types = columnTypes(engine);
    if (!(await hasColumn(db, 'jobs', 'requires'))) {
      await db.schema.alterTable('jobs').addColumn('requires', types.text).execute();
    }
    if (await hasColumn(db, 'jobs', 'max_concurrency')) return;
    await db.schema
      .alterTable('jobs')
      // Any number of 32 bits, also where integers have a sign.
      .addColumn('max_concurrency', types.bigint, (column) => column.notNull().defaultTo(0))
      .execute();
  },
});
