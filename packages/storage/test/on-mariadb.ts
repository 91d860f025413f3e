import type { TimestampMs } from '@spider/core';
import { mariadbMissing, startPrivateMariadb } from '@spider/test-utils';
import type { PrivateMariadb } from '@spider/test-utils';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe } from 'vitest';
import type { Store } from '../src/db/job-store.ts';
import { openStore } from '../src/db/open-store.ts';

type OnDatabase = (run: (open: () => Promise<Store>) => Promise<void>) => Promise<void>;

/** Runs a contract against a private MariaDB, each of its tests on a database of its own. */
export function onMariadb(contract: (engine: string, onDatabase: OnDatabase) => void): void {
  describe.skipIf(mariadbMissing() !== undefined)('with a private MariaDB', () => {
    let server: PrivateMariadb;
    let databases = 0;

    beforeAll(async () => {
      server = await startPrivateMariadb();
    }, 60_000);
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
    });

    contract('MariaDB', async (run) => {
      const { socketPath } = server;
      databases += 1;
      const name = `contract_${databases}`;
      const connection = await createConnection({ socketPath, user: 'root' });
      await connection.query(`create database ${name}`);
      await connection.end();
      const credentials = { username: 'root', password: '' };
      await run(() =>
        openStore({ engine: 'mysql', socketPath, name, credentials }, 1 as TimestampMs),
      );
    });
  });
}
