import { invalidArgument } from '@spider/core';
import { systemClock } from '@spider/runtime/node';
import type { DatabaseOptions, StorageConfig } from '@spider/storage';

/**
 * The configured database. A server's credentials come from the environment unless the configuration
 * has them.
 *
 * @throws SpiderError 'invalid-argument' naming the variables if neither has them.
 */
export function databaseOptions(
  { runtime: { db } }: StorageConfig,
  env: NodeJS.ProcessEnv,
): DatabaseOptions {
  if (db.engine === 'sqlite') return { ...db, clock: systemClock };
  if (db.credentials !== undefined) return db;
  const username = env['SPIDER_STORAGE_DB_USERNAME'];
  const password = env['SPIDER_STORAGE_DB_PASSWORD'];
  if (username === undefined || password === undefined) {
    throw invalidArgument(
      'SPIDER_STORAGE_DB_USERNAME and SPIDER_STORAGE_DB_PASSWORD are needed in the environment, or ' +
        'runtime.db.credentials in the configuration',
    );
  }
  return { ...db, credentials: { username, password } };
}
