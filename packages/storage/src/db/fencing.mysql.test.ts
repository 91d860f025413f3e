import type { TimestampMs } from '@spider/core';
import { mariadbMissing, startPrivateMariadb } from '@spider/test-utils';
import type { PrivateMariadb } from '@spider/test-utils';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe } from 'vitest';
import { describeFencing } from '../testing/fencing-contract.ts';
import { connectDatabase, openStore } from './open-store.ts';

describe.skipIf(mariadbMissing() !== undefined)('with a private MariaDB', () => {
  let server: PrivateMariadb;
  let databases = 0;

  beforeAll(async () => {
    server = await startPrivateMariadb();
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  describeFencing('MariaDB', async (run) => {
    const { socketPath } = server;
    const name = `spider_${++databases}`;
    const connection = await createConnection({ socketPath, user: 'root' });
    await connection.query(`create database ${name}`);
    await connection.end();
    const credentials = { username: 'root', password: '' };
    const options = { engine: 'mysql', socketPath, name, credentials } as const;
    const kysely = await connectDatabase(options);
    try {
      await run({ kysely, open: () => openStore(options, 1 as TimestampMs) });
    } finally {
      await kysely.destroy();
    }
  });
});
