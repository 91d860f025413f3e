import type { TimestampMs } from '@spider/core';
import { Kysely } from 'kysely';
import type { Dialect } from 'kysely';
import { sqliteDialect } from './dialect/sqlite.ts';
import type { SqliteOptions } from './dialect/sqlite.ts';
import type { Store } from './job-store.ts';
import { KyselyClusterStore } from './kysely-cluster-store.ts';
import { KyselyJobStore } from './kysely-job-store.ts';
import type { Engine } from './migrations/column-types.ts';
import { migrate } from './migrations/migrate.ts';
import type { Schema } from './schema.ts';
import { SessionDatabase } from './session-database.ts';

export type DatabaseOptions = { readonly engine: 'sqlite' } & SqliteOptions;

/**
 * Connects to a database, brings its tables up to date and opens a new session on it, which takes
 * the right to write from every earlier one.
 */
export async function openStore(options: DatabaseOptions, at: TimestampMs): Promise<Store> {
  return await openStoreOn(sqliteDialect(options), options.engine, at);
}

async function openStoreOn(dialect: Dialect, engine: Engine, at: TimestampMs): Promise<Store> {
  const kysely = new Kysely<Schema>({ dialect });
  try {
    await migrate(kysely, engine);
    const database = await SessionDatabase.open(kysely, engine, at);
    return {
      sessionId: database.sessionId,
      jobs: new KyselyJobStore(database),
      cluster: new KyselyClusterStore(database),
      [Symbol.asyncDispose]: () => kysely.destroy(),
    };
  } catch (error) {
    await kysely.destroy();
    throw error;
  }
}
