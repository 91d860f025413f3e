import { storageConfigSchema } from '@spider/storage';
import { expect, test } from 'vitest';
import { databaseOptions } from './database-options.ts';

const SERVER = { host: 'db', name: 'spider' };
const BOTH = { SPIDER_STORAGE_DB_USERNAME: 'spider', SPIDER_STORAGE_DB_PASSWORD: '' };

const options = (db: object, env: NodeJS.ProcessEnv) =>
  databaseOptions(storageConfigSchema.parse({ runtime: { db } }), env);

test('a database server gets its credentials from the environment', () => {
  expect(options(SERVER, BOTH)).toMatchObject({
    engine: 'mysql',
    host: 'db',
    credentials: { username: 'spider', password: '' },
  });
});

test('credentials in the configuration come first', () => {
  const credentials = { username: 'config', password: 'secret' };
  expect(options({ ...SERVER, credentials }, BOTH)).toMatchObject({ credentials });
});

test.each(['SPIDER_STORAGE_DB_USERNAME', 'SPIDER_STORAGE_DB_PASSWORD'])(
  'a database server without %s is refused, by that name',
  (missing) => {
    expect(() => options(SERVER, { ...BOTH, [missing]: undefined })).toThrow(missing);
  },
);

test('a database in a file needs none', () => {
  expect(options({ path: 'jobs.sqlite' }, {})).toMatchObject({
    engine: 'sqlite',
    path: 'jobs.sqlite',
  });
});
