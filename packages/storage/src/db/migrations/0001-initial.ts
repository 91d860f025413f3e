import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Schema } from '../schema.ts';
import { columnTypes } from './column-types.ts';
import type { ColumnTypes, Engine } from './column-types.ts';

/** The external id of the group that jobs without one belong to. */
export const DEFAULT_RESOURCE_GROUP = 'default';

export const initialMigration = (engine: Engine): Migration => ({
  async up(db: Kysely<Schema>): Promise<void> {
    const types = columnTypes(engine);
    await createSessionTables(db, types);
    await createJobTables(db, types);
    await createPeerTables(db, types);
    await db
      .insertInto('resource_groups')
      .values({ external_id: DEFAULT_RESOURCE_GROUP })
      .execute();
    await db.insertInto('active_session').values({ id: 1, session_id: 0 }).execute();
  },
});

async function createSessionTables(db: Kysely<Schema>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('sessions')
    .ifNotExists()
    .addColumn('id', types.id, (column) => column.primaryKey().autoIncrement())
    .addColumn('opened_at', types.bigint, (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('active_session')
    .ifNotExists()
    .addColumn('id', types.integer, (column) => column.primaryKey())
    .addColumn('session_id', types.bigint, (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('task_instance_blocks')
    .ifNotExists()
    .addColumn('id', types.id, (column) => column.primaryKey().autoIncrement())
    .addColumn('session_id', types.bigint, (column) => column.notNull())
    .execute();
}

async function createJobTables(db: Kysely<Schema>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('resource_groups')
    .ifNotExists()
    .addColumn('id', types.id, (column) => column.primaryKey().autoIncrement())
    .addColumn('external_id', types.name, (column) => column.notNull().unique())
    .addColumn('password_hash', types.name)
    .execute();
  await db.schema
    .createTable('jobs')
    .ifNotExists()
    .addColumn('id', types.id, (column) => column.primaryKey().autoIncrement())
    .addColumn('resource_group_id', types.bigint, (column) => column.notNull())
    .addColumn('idempotency_key', types.name)
    .addColumn('state', types.integer, (column) => column.notNull())
    .addColumn('task_count', types.integer, (column) => column.notNull())
    .addColumn('succeeded_tasks', types.integer, (column) => column.notNull().defaultTo(0))
    .addColumn('failed_attempts', types.integer, (column) => column.notNull().defaultTo(0))
    .addColumn('error_message', types.text)
    .addColumn('submitted_at', types.bigint, (column) => column.notNull())
    .addColumn('started_at', types.bigint)
    .addColumn('ended_at', types.bigint)
    .addForeignKeyConstraint('jobs_resource_group', ['resource_group_id'], 'resource_groups', [
      'id',
    ])
    .addUniqueConstraint('jobs_idempotency_key', ['resource_group_id', 'idempotency_key'])
    .execute();
  await db.schema.createIndex('jobs_state').on('jobs').columns(['state', 'id']).execute();
  await db.schema
    .createTable('job_blobs')
    .ifNotExists()
    .addColumn('job_id', types.bigint, (column) => column.notNull())
    .addColumn('kind', types.integer, (column) => column.notNull())
    .addColumn('part', types.integer, (column) => column.notNull())
    .addColumn('data', types.blob, (column) => column.notNull())
    .addPrimaryKeyConstraint('job_blobs_key', ['job_id', 'kind', 'part'])
    .execute();
  await db.schema
    .createTable('journal')
    .ifNotExists()
    .addColumn('job_id', types.bigint, (column) => column.notNull())
    .addColumn('sequence', types.bigint, (column) => column.notNull())
    .addColumn('records', types.blob, (column) => column.notNull())
    .addPrimaryKeyConstraint('journal_key', ['job_id', 'sequence'])
    .execute();
}

async function createPeerTables(db: Kysely<Schema>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('execution_managers')
    .ifNotExists()
    .addColumn('id', types.id, (column) => column.primaryKey().autoIncrement())
    .addColumn('host', types.name, (column) => column.notNull())
    .addColumn('slots', types.integer, (column) => column.notNull())
    .addColumn('has_stream', types.integer, (column) => column.notNull())
    .addColumn('registered_at', types.bigint, (column) => column.notNull())
    .addColumn('ended_at', types.bigint)
    .execute();
  await db.schema
    .createTable('schedulers')
    .ifNotExists()
    .addColumn('id', types.id, (column) => column.primaryKey().autoIncrement())
    .addColumn('host', types.name, (column) => column.notNull())
    .addColumn('port', types.integer, (column) => column.notNull())
    .addColumn('registered_at', types.bigint, (column) => column.notNull())
    .execute();
}
