import { setTimeout as sleep } from 'node:timers/promises';
import { timestampMs } from '@spider/core';
import { mariadbMissing, startPrivateMariadb } from '@spider/test-utils';
import type { PrivateMariadb } from '@spider/test-utils';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kysely, sql } from 'kysely';
import { Database } from './database.ts';
import type { ActiveDatabase } from './active-database.ts';
import { mysqlDialect } from './dialect/mysql.ts';
import { openStore } from './open-store.ts';
import type { Schema } from './schema.ts';
import { SupersededError, toStoreError } from './store-error.ts';
import type { HeldLease } from './writer-lease.ts';

const missing = mariadbMissing();

describe.skipIf(missing !== undefined)(`the lease on a private MariaDB ${missing ?? ''}`, () => {
  let server: PrivateMariadb;
  let databases = 0;

  beforeAll(async () => {
    server = await startPrivateMariadb();
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  async function newDatabase() {
    const name = `lease_${++databases}`;
    const connection = await createConnection({ socketPath: server.socketPath, user: 'root' });
    await connection.query(`create database ${name}`);
    await connection.end();
    const options = {
      engine: 'mysql',
      socketPath: server.socketPath,
      name,
      credentials: { username: 'root', password: '' },
    } as const;
    return { options, connect: () => Database.connect(options) };
  }

  const activate = (
    database: Database,
    holder: string,
    durationMs: number,
  ): Promise<ActiveDatabase | HeldLease> =>
    database.activate({ holder, durationMs }, timestampMs(1));

  function asActive(answer: ActiveDatabase | HeldLease): ActiveDatabase {
    if (answer.kind !== 'active') throw new Error(`held by ${answer.holder}`);
    return answer;
  }

  test('it is one storage at a time, until it is released', async () => {
    const { connect } = await newDatabase();
    await using first = await connect();
    await using second = await connect();
    const one = asActive(await activate(first, 'one', 60_000));
    const answer = await activate(second, 'two', 60_000);
    expect(answer).toMatchObject({ kind: 'held', holder: 'one', sessionId: 1n });
    if (answer.kind === 'held') expect(answer.retryMs).toBeGreaterThan(50_000);
    await one.lease.release();
    const two = asActive(await activate(second, 'two', 60_000));
    await expect(one.lease.renew()).rejects.toThrow(SupersededError);
    await expect(one.lease.release()).rejects.toThrow(SupersededError);
    expect(await one.store.superseded).toBeInstanceOf(SupersededError);
    await two.lease.renew();
    expect(await activate(first, 'one', 60_000)).toMatchObject({ holder: 'two' });
  });

  test('it lapses unless it is renewed, by the clock of the database', async () => {
    const { connect } = await newDatabase();
    await using first = await connect();
    await using second = await connect();
    const one = asActive(await activate(first, 'one', 1));
    await sleep(2);
    await one.lease.renew();
    await sleep(2);
    const two = asActive(await activate(second, 'two', 60_000));
    expect(two.store.sessionId).toBe(2n);
    await expect(one.store.cluster.reserveTaskInstances()).rejects.toThrow(SupersededError);
  });

  test('its holder renews it, and finds out by that when somebody did without one', async () => {
    const { connect, options } = await newDatabase();
    await using first = await connect();
    await using second = await connect();
    const one = asActive(await activate(first, 'one', 60_000));
    await one.lease.renew();
    expect(await activate(second, 'two', 60_000)).toMatchObject({ holder: 'one' });
    await using newer = await openStore(options, timestampMs(2));
    expect(newer.sessionId).toBe(2n);
    await expect(one.lease.renew()).rejects.toThrow(SupersededError);
    expect(asActive(await activate(second, 'two', 60_000)).store.sessionId).toBe(3n);
  });

  test('of many that start at once, one has it', async () => {
    const { connect } = await newDatabase();
    const starters = await Promise.all(Array.from({ length: 6 }, connect));
    const answers = await Promise.all(
      starters.map((database, index) => activate(database, `starter ${index}`, 60_000)),
    );
    expect(answers.filter(({ kind }) => kind === 'active')).toHaveLength(1);
    for (const database of starters) await database[Symbol.asyncDispose]();
  });

  test('a storage that stands still in the middle of a write does not keep the next one out', async () => {
    const { connect, options } = await newDatabase();
    await using first = await connect();
    await using second = await connect();
    const one = asActive(await activate(first, 'one', 1));
    const frozen = new Kysely<Schema>({ dialect: mysqlDialect(options) });
    const write = frozen.transaction().execute(async (transaction) => {
      await sql`select * from active_session lock in share mode`.execute(transaction);
      // The next one needs this lock; the server takes it away.
      const two = asActive(await activate(second, 'two', 60_000));
      expect(two.store.sessionId).toBe(2n);
      await sql`delete from jobs`.execute(transaction);
    });
    const failure = await write.then(
      () => undefined,
      (error: unknown) => toStoreError(error),
    );
    expect(failure).toMatchObject({ code: 'unavailable' });
    await frozen.destroy();
    await expect(one.lease.renew()).rejects.toThrow(SupersededError);
  });
});
