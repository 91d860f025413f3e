import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { isFinalJobState, JobState, TaskOutcome } from '@spider/core';
import type { Config } from '@spider/local-cluster';
import { JournalDecoder } from '@spider/storage/testing';
import { startPrivateGalera, startPrivateMariadb } from '@spider/test-utils';
import { createConnection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import type { Place } from './link.ts';
import { freePort } from './server-process.ts';

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
  db: 'sqlite' | 'mariadb' | 'galera',
  directory: string,
  options: DatabaseOptions = {},
): Promise<ChaosDatabase> {
  if (db === 'galera') return await openGalera();
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
    signal: (signal) => signalIfAlive(server.pid, signal),
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

const GALERA_NODES = 3;
const HOST = '127.0.0.1';

async function openGalera(): Promise<ChaosDatabase> {
  const galera = await startPrivateGalera({ nodes: GALERA_NODES, freePort });
  const connect = (port = 0): ReturnType<typeof createConnection> =>
    createConnection({
      host: HOST,
      port,
      user: 'root',
      supportBigNumbers: true,
      bigNumberStrings: true,
    });
  /** Until a node and all others know of one another: before that they are no majority without it. */
  const untilComplete = async (port: number): Promise<void> => {
    const connection = await connect(port);
    try {
      for (;;) {
        const [rows] = await connection.query<RowDataPacket[]>(
          "show status like 'wsrep_cluster_size'",
        );
        if (Number(rows[0]?.['Value']) === GALERA_NODES) return;
        await sleep(100);
      }
    } finally {
      await connection.end();
    }
  };
  const query: Query = async (sql) => {
    const node = galera.nodes.find(({ isRunning }) => isRunning);
    const connection = await connect(node?.port);
    try {
      // Nothing that is committed on another node is missed.
      await connection.query('set session wsrep_sync_wait = 7');
      await connection.query(`create database if not exists ${DATABASE}`);
      await connection.query(`use ${DATABASE}`);
      return (await connection.query<RowDataPacket[]>(sql))[0];
    } finally {
      await connection.end();
    }
  };
  try {
    await query('select 1');
  } catch (error) {
    await galera[Symbol.asyncDispose]();
    throw error;
  }
  const configAt = (ports: readonly number[]): Config => ({
    engine: 'mysql',
    hosts: ports.map((port) => ({ host: HOST, port })),
    name: DATABASE,
    credentials: { username: 'root', password: '' },
  });
  const nodes = galera.nodes.map((node): DatabaseNode => {
    const { name, port } = node;
    return {
      name,
      place: { port },
      get isRunning() {
        return node.isRunning;
      },
      kill: () => node.kill(),
      restart: async () => {
        await node.restart();
        await untilComplete(port);
      },
      signal: (signal) => signalIfAlive(node.pid, signal),
    };
  });
  return {
    config: configAt(galera.nodes.map(({ port }) => port)),
    configBy: (ways) => configAt(ways.flatMap((way) => ('port' in way ? [way.port] : []))),
    nodes,
    readFlushed: () => readFlushed(query),
    query,
    [Symbol.asyncDispose]: () => galera[Symbol.asyncDispose](),
  };
}

/** A server that does not trust its disk any more ends by itself, at any time. */
function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
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
