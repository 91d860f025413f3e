import { Kysely } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sqliteDialect } from './dialect/sqlite.ts';
import type { Schema } from './schema.ts';
import { Statement } from './statement.ts';

interface TokenKey {
  readonly secret: Buffer;
  readonly created_at: number;
}

let database: Kysely<Schema>;
beforeAll(async () => {
  database = new Kysely<Schema>({ dialect: sqliteDialect({ path: ':memory:' }) });
  await database.schema
    .createTable('token_keys')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('secret', 'blob')
    .addColumn('created_at', 'integer')
    .execute();
});
afterAll(() => database.destroy());

const key = (at: number): TokenKey => ({ secret: Buffer.of(at), created_at: at });

test('a statement is put together once for each number of rows, and takes other values each time', async () => {
  let builds = 0;
  const insert = new Statement((kysely, ...rows: TokenKey[]) => {
    builds += 1;
    return kysely
      .insertInto('token_keys')
      .values(rows.map(({ secret, created_at }) => ({ secret, created_at })));
  });
  for (const at of [1, 2]) await insert.run(database, key(at));
  for (const at of [3, 5]) await insert.run(database, key(at), key(at + 1));
  expect(builds).toBe(2);

  const after = new Statement((kysely, { at }: { at: bigint }) =>
    kysely.selectFrom('token_keys').select('created_at').where('created_at', '>', at).limit(2),
  );
  const times = async (at: bigint) =>
    (await after.run(database, { at })).rows.map((row) => row.created_at);
  expect(await times(0n)).toEqual([1n, 2n]);
  expect(await times(4n)).toEqual([5n, 6n]);
});

test('a statement of very many rows is none to keep', async () => {
  let builds = 0;
  const remove = new Statement((kysely, ...keys: { readonly created_at: bigint }[]) => {
    builds += 1;
    const times = keys.map(({ created_at }) => created_at);
    return kysely.deleteFrom('token_keys').where('created_at', 'in', times);
  });
  const many = Array.from({ length: 17 }, (_, at) => ({ created_at: BigInt(at) }));
  const { numAffectedRows } = await remove.run(database, ...many);
  await remove.run(database, ...many);
  expect(numAffectedRows).toBe(6n);
  expect(builds).toBe(2);
});
