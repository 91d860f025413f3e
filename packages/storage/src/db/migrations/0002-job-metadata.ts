import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Schema } from '../schema.ts';
import { columnTypes } from './column-types.ts';
import type { Engine } from './column-types.ts';
import { hasColumn } from './has-column.ts';

/**
 * Name, labels and priority of jobs, and what it takes to list jobs fast. MySQL cannot roll back such
 * changes: each step is one statement, and does nothing when it has been done before.
 */
export const jobMetadataMigration = (engine: Engine): Migration => ({
  async up(db: Kysely<Schema>): Promise<void> {
    const types = columnTypes(engine);
    await db.schema
      .createTable('job_labels')
      .ifNotExists()
      .addColumn('job_id', types.bigint, (column) => column.notNull())
      .addColumn('label_key', types.labelKey, (column) => column.notNull())
      .addColumn('label_value', types.labelValue, (column) => column.notNull())
      .addPrimaryKeyConstraint('job_labels_key', ['job_id', 'label_key'])
      // As a constraint it comes with the table; here it is an index, from a label to its jobs.
      .addUniqueConstraint('job_labels_jobs', ['label_key', 'label_value', 'job_id'])
      .execute();
    if (await hasColumn(db, 'jobs', 'priority')) return;
    if (engine === 'mysql') {
      await sql`alter table jobs
        add column name ${types.name} not null default '',
        add column labels ${types.text},
        add column priority integer not null default 0,
        add index jobs_group (resource_group_id, state, id)`.execute(db);
      return;
    }
    const jobs = db.schema.alterTable('jobs');
    await jobs.addColumn('name', types.name, (column) => column.notNull().defaultTo('')).execute();
    await jobs.addColumn('labels', types.text).execute();
    await jobs
      .addColumn('priority', types.integer, (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema
      .createIndex('jobs_group')
      .on('jobs')
      .columns(['resource_group_id', 'state', 'id'])
      .execute();
  },
});
