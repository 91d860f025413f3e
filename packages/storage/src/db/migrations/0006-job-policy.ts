import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Schema } from '../schema.ts';
import { columnTypes } from './column-types.ts';
import type { Engine } from './column-types.ts';
import { hasColumn } from './has-column.ts';

/** How jobs are run, why they were ended, and what became of their tasks. */
export const jobPolicyMigration = (engine: Engine): Migration => ({
  async up(db: Kysely<Schema>): Promise<void> {
    // One statement on MySQL, which cannot roll back: all columns are there or none is.
    if (await hasColumn(db, 'jobs', 'end_reason')) return;
    const types = columnTypes(engine);
    if (engine === 'mysql') {
      await sql`alter table jobs
        add column durability integer,
        add column failure_policy integer not null default 1,
        add column cleanup_after_failure integer not null default 0,
        add column deadline_ms bigint,
        add column deadline_at bigint,
        add column failed_tasks integer not null default 0,
        add column skipped_tasks integer not null default 0,
        add column end_reason ${types.text}`.execute(db);
      return;
    }
    const add = (name: string, type: 'bigint' | 'integer' | 'text', value?: number) =>
      db.schema
        .alterTable('jobs')
        .addColumn(name, types[type], (column) =>
          value === undefined ? column : column.notNull().defaultTo(value),
        )
        .execute();
    await add('durability', 'integer');
    await add('failure_policy', 'integer', 1);
    await add('cleanup_after_failure', 'integer', 0);
    await add('deadline_ms', 'bigint');
    await add('deadline_at', 'bigint');
    await add('failed_tasks', 'integer', 0);
    await add('skipped_tasks', 'integer', 0);
    await add('end_reason', 'text');
  },
});
