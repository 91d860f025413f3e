import { mariadbMissing, startPrivateMariadb } from '@spider/test-utils';
import { Kysely, sql } from 'kysely';
import { expect, test } from 'vitest';
import { migrateJobMetadata } from '../../testing/job-metadata-migration.ts';
import { mysqlDialect } from '../dialect/mysql.ts';
import type { Schema } from '../schema.ts';

test.skipIf(mariadbMissing() !== undefined)(
  'jobs that were there before have no name and no labels, and a second run changes nothing',
  async () => {
    await using server = await startPrivateMariadb();
    const { socketPath } = server;
    const credentials = { username: 'root', password: '' };
    const connect = (name: string) =>
      new Kysely<Schema>({ dialect: mysqlDialect({ socketPath, name, credentials }) });
    await using root = connect('mysql');
    await sql`create database spider`.execute(root);
    await using database = connect('spider');
    expect(await migrateJobMetadata(database, 'mysql')).toEqual([
      { name: '', labels: null, priority: 0 },
    ]);
  },
  60_000,
);
