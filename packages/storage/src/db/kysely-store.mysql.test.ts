import type { TimestampMs } from '@spider/core';
import { mariadbMissing, startPrivateMariadb } from '@spider/test-utils';
import type { PrivateMariadb } from '@spider/test-utils';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeStore } from '../testing/store-contract.ts';
import type { Store } from './job-store.ts';
import { openStore } from './open-store.ts';
import { SupersededError } from './store-error.ts';

describe.skipIf(mariadbMissing() !== undefined)('with a private MariaDB', () => {
  let server: PrivateMariadb;
  let databases = 0;

  beforeAll(async () => {
    server = await startPrivateMariadb();
  }, 60_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function createDatabase(): Promise<() => Promise<Store>> {
    const { socketPath } = server;
    databases += 1;
    const name = `spider_${databases}`;
    const connection = await createConnection({ socketPath, user: 'root' });
    await connection.query(`create database ${name}`);
    await connection.end();
    const credentials = { username: 'root', password: '' };
    return () => openStore({ engine: 'mysql', socketPath, name, credentials }, 1 as TimestampMs);
  }

  describeStore('MariaDB', async (run) => {
    await run(await createDatabase());
  });

  test('of starts at the same time, on an empty database, the latest session may write', async () => {
    const open = await createDatabase();
    const stores = await Promise.all(Array.from({ length: 4 }, open));
    stores.sort((a, b) => Number(a.sessionId - b.sessionId));
    expect(stores.map(({ sessionId }) => sessionId)).toEqual([1n, 2n, 3n, 4n]);
    const latest = stores.pop();
    for (const store of stores) {
      await expect(store.cluster.reserveTaskInstances()).rejects.toThrow(SupersededError);
      await store[Symbol.asyncDispose]();
    }
    await latest?.cluster.reserveTaskInstances();
    await latest?.[Symbol.asyncDispose]();
  });
});
