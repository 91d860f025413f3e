import { Kysely, sql } from 'kysely';
import { expect, test } from 'vitest';
import { isTransient, toStoreError } from '../store-error.ts';
import { sqliteDialect } from './sqlite.ts';

interface Tables {
  readonly notes: { readonly text: string };
}

test('a full disk is called so, nothing of the transaction is written, and the next one goes on', async () => {
  await using kysely = new Kysely<Tables>({ dialect: sqliteDialect({ path: ':memory:' }) });
  await sql`create table notes (text text not null)`.execute(kysely);
  await sql`pragma max_page_count = 10`.execute(kysely);
  const write = (text: string): Promise<void> =>
    kysely.transaction().execute(async (transaction) => {
      await transaction.insertInto('notes').values({ text: 'before' }).execute();
      await transaction.insertInto('notes').values({ text }).execute();
    });

  const failure = await write('x'.repeat(100_000)).catch((error: unknown) => error);
  expect(failure).toMatchObject({ message: 'database or disk is full' });
  expect(isTransient(toStoreError(failure))).toBe(true);

  await write('short');
  const notes = await kysely.selectFrom('notes').select('text').execute();
  expect(notes).toEqual([{ text: 'before' }, { text: 'short' }]);
});
