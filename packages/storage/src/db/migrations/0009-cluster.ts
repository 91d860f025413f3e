import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Schema } from '../schema.ts';
import { columnTypes } from './column-types.ts';
import type { Engine } from './column-types.ts';
import { hasColumn } from './has-column.ts';

/** What execution managers are, what they were told, and why they ended. */
export const clusterMigration = (engine: Engine): Migration => ({
  async up(db: Kysely<Schema>): Promise<void> {
    // One statement on MySQL, which cannot roll back: all of it is there or nothing is.
    if (await hasColumn(db, 'execution_managers', 'version')) return;
    const types = columnTypes(engine);
    if (engine === 'mysql') {
      await sql`alter table execution_managers
        add column version ${types.name},
        add column drain_requested_at bigint,
        add column end_reason ${types.text},
        add index execution_managers_ended_at (ended_at)`.execute(db);
      return;
    }
    const add = (name: string, type: 'name' | 'bigint' | 'text') =>
      db.schema.alterTable('execution_managers').addColumn(name, types[type]).execute();
    await add('version', 'name');
    await add('drain_requested_at', 'bigint');
    await add('end_reason', 'text');
    await db.schema
      .createIndex('execution_managers_ended_at')
      .on('execution_managers')
      .column('ended_at')
      .execute();
  },
});
