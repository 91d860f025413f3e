import type { Kysely } from 'kysely';
import type { Schema } from '../schema.ts';

/** Whether a migration that cannot be rolled back has added a column before. */
export async function hasColumn(
  db: Kysely<Schema>,
  table: string,
  column: string,
): Promise<boolean> {
  const tables = await db.introspection.getTables();
  const found = tables.find(({ name }) => name === table);
  return found?.columns.some(({ name }) => name === column) ?? false;
}
