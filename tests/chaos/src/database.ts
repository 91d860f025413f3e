import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isFinalJobState, JobState, TaskOutcome } from '@spider/core';
import type { Config } from '@spider/local-cluster';
import { JournalDecoder } from '@spider/storage/testing';
import { startPrivateMariadb } from '@spider/test-utils';
import { createConnection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import type { Place } from './link.ts';

/** What the database says has happened, read while no storage runs. */
export interface FlushedState {
  /** The last block of instance ids that was reserved. Later instances are of later storages. */
  readonly block: number;
  /** By job: the tasks that the journal says have succeeded, or all. */
  readonly succeeded: ReadonlyMap<string, ReadonlySet<number> | 'all'>;
}

/** Integers come as bigint or, from MariaDB, as strings. */
export type Row = Readonly<Record<string, unknown>>;

/** One server of the database. */
export interface DatabaseNode {
  readonly name: string;
  readonly place: Place;
  readonly isRunning: boolean;
  kill(): Promise<void>;
  restart(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

export interface DatabaseOptions {
  /** What the server is started with. */
  readonly envOf?: (nodeName: string) => NodeJS.ProcessEnv;
  /** Is told of a node that has ended and that nobody has killed. */
  readonly onUnexpectedExit?: (nodeName: string) => void;
}

/** Where the cluster's storage keeps its truth. */
export interface ChaosDatabase extends AsyncDisposable {
  /** The part of storage's configuration that names it. */
  readonly config: Config;
  /** None for one within the storage process. */
  readonly nodes: readonly DatabaseNode[];
  /** The same configuration for a storage that gets to the nodes by these ways. */
  configBy(ways: readonly Place[]): Config;
  readFlushed(): Promise<FlushedState>;
  /** Beside all storages, with every right. */
  query(sql: string): Promise<readonly Row[]>;
}

export async function openChaosDatabase(
  db: 'sqlite' | 'mariadb',
  directory: string,
  options: DatabaseOptions = {},
): Promise<ChaosDatabase> {
  return db === 'sqlite'
    ? openSqlite(join(directory, 'storage.sqlite'))
    : await openMariadb(options);
}

type Query = (sql: string) => Promise<readonly Row[]>;

function openSqlite(path: string): ChaosDatabase {
  const query: Query = async (sql) => {
    const database = new DatabaseSync(path, { readBigInts: true });
    try {
      return database.prepare(sql).all();
    } finally {
      database.close();
    }
  };
  return {
    config: { engine: 'sqlite', path },
    configBy: () => ({ engine: 'sqlite', path }),
    nodes: [],
    readFlushed: () => readFlushed(query),
    query,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

const DATABASE = 'spider';

async function openMariadb(options: DatabaseOptions): Promise<ChaosDatabase> {
  const server = await startPrivateMariadb({
    env: options.envOf?.('mariadb') ?? {},
    onUnexpectedExit: () => options.onUnexpectedExit?.('mariadb'),
  });
  const { socketPath } = server;
  const connect = (database?: string): ReturnType<typeof createConnection> =>
    createConnection({
      socketPath,
      user: 'root',
      supportBigNumbers: true,
      bigNumberStrings: true,
      ...(database !== undefined && { database }),
    });
  try {
    const connection = await connect();
    await connection.query(`create database ${DATABASE}`);
    await connection.end();
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  const query: Query = async (sql) => {
    const connection = await connect(DATABASE);
    try {
      return (await connection.query<RowDataPacket[]>(sql))[0];
    } finally {
      await connection.end();
    }
  };
  const configAt = (path: string): Config => ({
    engine: 'mysql',
    socket_path: path,
    name: DATABASE,
    credentials: { username: 'root', password: '' },
  });
  const node: DatabaseNode = {
    name: 'mariadb',
    place: { path: socketPath },
    get isRunning() {
      return server.isRunning;
    },
    kill: () => server.kill(),
    restart: () => server.restart(),
    signal: (signal) => process.kill(server.pid, signal),
  };
  return {
    config: configAt(socketPath),
    configBy: ([way]) => configAt(way !== undefined && 'path' in way ? way.path : socketPath),
    nodes: [node],
    readFlushed: () => readFlushed(query),
    query,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function readFlushed(query: Query): Promise<FlushedState> {
  const blocks = await query('select max(id) as block from task_instance_blocks');
  const succeeded = new Map<string, Set<number> | 'all'>();
  for (const { id, state } of await query('select id, state from jobs')) {
    if (hasAllTasks(Number(state) as JobState)) succeeded.set(String(id), 'all');
  }
  const decoders = new Map<string, JournalDecoder>();
  const rows = await query('select job_id, records from journal order by job_id, sequence');
  for (const { job_id: id, records } of rows) {
    const jobId = String(id);
    if (succeeded.get(jobId) === 'all') continue;
    let decoder = decoders.get(jobId);
    if (decoder === undefined) decoders.set(jobId, (decoder = new JournalDecoder()));
    const tasks = (succeeded.get(jobId) as Set<number> | undefined) ?? new Set<number>();
    succeeded.set(jobId, tasks);
    for (const { taskIndices, outcomes } of decoder.push(records as Uint8Array)) {
      for (let at = 0; at < outcomes.length; at++) {
        if (outcomes[at] === TaskOutcome.Succeeded) tasks.add(taskIndices[at] ?? -1);
      }
    }
  }
  return { block: Number(blocks[0]?.['block'] ?? 0), succeeded };
}

/** Of a job that is to commit or has ended no regular task may run, whatever its journal says. */
const hasAllTasks = (state: JobState): boolean =>
  state === JobState.CommitReady || isFinalJobState(state);
