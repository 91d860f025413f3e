import type { TimestampMs } from '@spider/core';
import { mariadbMissing, startPrivateMariadb } from '@spider/test-utils';
import type { PrivateMariadb } from '@spider/test-utils';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe } from 'vitest';
import { openStore } from '../db/open-store.ts';
import { describeQuarantine } from '../../test/quarantine-contract.ts';

describe.skipIf(mariadbMissing() !== undefined)('with a private MariaDB', () => {
  let server: PrivateMariadb;
  let databases = 0;

  beforeAll(async () => {
    server = await startPrivateMariadb();
  }, 60_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  describeQuarantine('MariaDB', async (run) => {
    const { socketPath } = server;
    databases += 1;
    const name = `quarantine_${databases}`;
    const connection = await createConnection({ socketPath, user: 'root' });
    await connection.query(`create database ${name}`);
    await connection.end();
    const credentials = { username: 'root', password: '' };
    await run(() =>
      openStore({ engine: 'mysql', socketPath, name, credentials }, 1 as TimestampMs),
    );
  });
});
