import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Schema } from '../schema.ts';
import { columnTypes } from './column-types.ts';
import type { Engine } from './column-types.ts';

/** What the tokens of logins are signed with. */
export const tokenKeysMigration = (engine: Engine): Migration => ({
  async up(db: Kysely<Schema>): Promise<void> {
    const types = columnTypes(engine);
    await db.schema
      .createTable('token_keys')
      .ifNotExists()
      .addColumn('id', types.id, (column) => column.primaryKey().autoIncrement())
      .addColumn('secret', types.blob, (column) => column.notNull())
      .addColumn('created_at', types.bigint, (column) => column.notNull())
      .execute();
  },
});
