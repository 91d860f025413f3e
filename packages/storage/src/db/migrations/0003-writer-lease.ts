import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Schema } from '../schema.ts';
import { columnTypes } from './column-types.ts';
import type { Engine } from './column-types.ts';

/** Who may write, and until when. */
export const writerLeaseMigration = (engine: Engine): Migration => ({
  async up(db: Kysely<Schema>): Promise<void> {
    const types = columnTypes(engine);
    await db.schema
      .createTable('writer_lease')
      .ifNotExists()
      .addColumn('id', types.integer, (column) => column.primaryKey())
      .addColumn('session_id', types.bigint, (column) => column.notNull())
      .addColumn('holder', types.name, (column) => column.notNull())
      .addColumn('expires_at', types.bigint, (column) => column.notNull())
      .execute();
    const row = await db.selectFrom('writer_lease').select('id').executeTakeFirst();
    if (row !== undefined) return;
    await db
      .insertInto('writer_lease')
      .values({ id: 1, session_id: 0, holder: '', expires_at: 0 })
      .execute();
  },
});
