import { SpiderError } from '@spider/core';
import type { TimestampMs } from '@spider/core';
import { Kysely } from 'kysely';
import type { Dialect } from 'kysely';
import { mysqlDialect } from './dialect/mysql.ts';
import type { MysqlOptions } from './dialect/mysql.ts';
import { sqliteDialect } from './dialect/sqlite.ts';
import type { SqliteOptions } from './dialect/sqlite.ts';
import type { Store } from './job-store.ts';
import { KyselyClusterStore } from './kysely-cluster-store.ts';
import { KyselyJobStore } from './kysely-job-store.ts';
import { KyselyResourceGroupStore } from './kysely-resource-group-store.ts';
import { KyselyTokenKeyStore } from './kysely-token-key-store.ts';
import { migrate } from './migrations/migrate.ts';
import type { Schema } from './schema.ts';
import { SessionDatabase } from './session-database.ts';
import { isTransient, toStoreError } from './store-error.ts';

export type DatabaseOptions =
  ({ readonly engine: 'sqlite' } & SqliteOptions) | ({ readonly engine: 'mysql' } & MysqlOptions);

/**
 * Connects to a database, brings its tables up to date and opens a new session on it, which takes
 * the right to write from every earlier one, whether it holds a lease or not; `Database` waits for
 * its turn instead.
 *
 * @throws SpiderError 'unavailable' if the database does not answer just now, 'failed-precondition'
 * if it cannot be used.
 */
export async function openStore(options: DatabaseOptions, at: TimestampMs): Promise<Store> {
  const kysely = await connectDatabase(options);
  try {
    const database = await SessionDatabase.open(kysely, options.engine, at);
    return storeOf(database, () => kysely.destroy());
  } catch (error) {
    await kysely.destroy();
    throw asUnusable(error);
  }
}

/** Connects to a database and brings its tables up to date. @throws as `openStore` does. */
export async function connectDatabase(options: DatabaseOptions): Promise<Kysely<Schema>> {
  const kysely = openDatabase(options);
  try {
    await migrate(kysely, options.engine);
    return kysely;
  } catch (error) {
    await kysely.destroy();
    throw asUnusable(error);
  }
}

/** A database whose tables are taken as they are. */
export const openDatabase = (options: DatabaseOptions): Kysely<Schema> =>
  new Kysely<Schema>({ dialect: dialectOf(options) });

/** What a session may do with its database; `close` ends it. */
export const storeOf = (database: SessionDatabase, close: () => Promise<void>): Store => ({
  sessionId: database.sessionId,
  superseded: database.superseded,
  jobs: new KyselyJobStore(database),
  cluster: new KyselyClusterStore(database),
  resourceGroups: new KyselyResourceGroupStore(database),
  tokenKeys: new KyselyTokenKeyStore(database),
  [Symbol.asyncDispose]: close,
});

/** Tells apart what may pass by itself from what a person has to see to. */
export function asUnusable(error: unknown): unknown {
  const failure = toStoreError(error);
  if (isTransient(failure)) return failure;
  const reason = error instanceof Error ? error.message : String(error);
  return new SpiderError('failed-precondition', `the database cannot be used: ${reason}`, {
    cause: error,
  });
}

function dialectOf(options: DatabaseOptions): Dialect {
  switch (options.engine) {
    case 'sqlite':
      return sqliteDialect(options);
    case 'mysql':
      return mysqlDialect(options);
    default:
      return options satisfies never;
  }
}
