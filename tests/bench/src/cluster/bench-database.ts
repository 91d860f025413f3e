import { DatabaseSync } from 'node:sqlite';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '@spider/local-cluster';
import { startPrivateMariadb } from '@spider/test-utils';
import { createConnection, type RowDataPacket } from 'mysql2/promise';

/** A database for storage, of the bench's own. */
export interface BenchDatabase extends AsyncDisposable {
  readonly config: Config;
}

/** One that tells how often something was written to it. */
export interface WatchedDatabase extends BenchDatabase {
  /** Transactions that have written, so far. */
  countTransactions(): Promise<number>;
}

/** How often SQLite is asked whether something has changed; two changes within count as one. */
const LOOK_MS = 5;

export async function openSqlite(path: string): Promise<WatchedDatabase> {
  const file = join(path, 'storage.sqlite');
  await mkdir(dirname(file), { recursive: true });
  const database = new DatabaseSync(file);
  database.exec('pragma journal_mode = wal');
  const statement = database.prepare('pragma data_version');
  const version = (): unknown => statement.get()?.['data_version'];
  let last = version();
  let changes = 0;
  const look = (): void => {
    const next = version();
    if (next !== last) changes += 1;
    last = next;
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    config: { engine: 'sqlite', path: file },
    countTransactions: async () => {
      look();
      return changes;
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      database.close();
      await Promise.resolve();
    },
  };
}

export async function openMariadb(): Promise<WatchedDatabase> {
  const server = await startPrivateMariadb();
  const { socketPath } = server;
  const connection = await createConnection({ socketPath, user: 'root' });
  await connection.query('create database spider');
  return {
    config: {
      engine: 'mysql',
      socket_path: socketPath,
      name: 'spider',
      credentials: { username: 'root', password: '' },
    },
    countTransactions: async () => {
      const [rows] = await connection.query<RowDataPacket[]>(
        "show global status where variable_name in ('Com_insert', 'Com_update', 'Com_delete')",
      );
      return rows.reduce((sum, row) => sum + Number(row['Value']), 0);
    },
    [Symbol.asyncDispose]: async () => {
      await connection.end();
      await server[Symbol.asyncDispose]();
    },
  };
}
