import { callbackify } from 'node:util';
import type { MysqlPool } from 'kysely';
import type { Pool, PoolConnection } from 'mysql2';

/** kysely's view of a connection of a pool. */
type KyselyConnection = Parameters<Parameters<MysqlPool['getConnection']>[0]>[1];

export interface FailoverPoolOptions {
  /** Of the servers, in the order in which they are asked. */
  readonly pools: readonly Pool[];
  /** Makes a new connection ready for use. @throws unless its server can be used. */
  readonly prepare: (connection: PoolConnection) => Promise<void>;
  /** How long a statement may take where another server could be asked. */
  readonly statementTimeoutMs: number;
}

/** A node of a Galera cluster that does not belong to it at the moment answers nothing else. */
const NOT_IN_CLUSTER = 'ER_UNKNOWN_COM_ERROR';
/** By these a server is known to be gone, or as good as gone. */
const GONE = new Set([
  NOT_IN_CLUSTER,
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'PROTOCOL_CONNECTION_LOST',
  'ER_SERVER_SHUTDOWN',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
]);

/**
 * The pools of several servers of one cluster. All connections are taken from one of them, as writers on
 * several nodes would be in each other's way; when it is gone, from the next that can be used.
 */
export class FailoverPool implements MysqlPool {
  readonly #options: FailoverPoolOptions;
  readonly #prepared = new WeakMap<PoolConnection, KyselyConnection>();
  #current = 0;

  constructor(options: FailoverPoolOptions) {
    this.#options = options;
  }

  getConnection(callback: (error: unknown, connection: KyselyConnection) => void): void {
    callbackify(() => this.#connect())(callback);
  }

  end(callback: (error: unknown) => void): void {
    const { pools } = this.#options;
    callbackify(() => Promise.all(pools.map((pool) => pool.promise().end())))(callback);
  }

  /** From the current server, or from the first after it that can be used. */
  async #connect(): Promise<KyselyConnection> {
    const { pools } = this.#options;
    let failure: unknown;
    for (let tries = 0; tries < pools.length; tries++) {
      const server = this.#current;
      try {
        return await this.#connectTo(server);
      } catch (error) {
        if (!isGone(error)) throw error;
        failure = error;
        this.#leave(server);
      }
    }
    throw failure;
  }

  async #connectTo(server: number): Promise<KyselyConnection> {
    const pool = this.#options.pools[server];
    const connection = await new Promise<PoolConnection>((resolve, reject) => {
      pool?.getConnection((error, found) => (error ? reject(error) : resolve(found)));
    });
    let prepared = this.#prepared.get(connection);
    if (prepared !== undefined) return prepared;
    try {
      await this.#options.prepare(connection);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    prepared = this.#watched(connection, server);
    this.#prepared.set(connection, prepared);
    return prepared;
  }

  /** Unless somebody else has done so. */
  #leave(server: number): void {
    if (this.#current === server) this.#current = (server + 1) % this.#options.pools.length;
  }

  /** Leaves the server when a statement finds out that it is gone. */
  #watched(connection: PoolConnection, server: number): KyselyConnection {
    const { pools, statementTimeoutMs } = this.#options;
    if (pools.length === 1) return connection;
    const query: KyselyConnection['query'] = (sql, values, callback) =>
      connection.query(
        { sql, values: values as unknown[], timeout: statementTimeoutMs },
        (error, result) => {
          if (error !== null && isGone(error)) {
            this.#leave(server);
            connection.destroy();
          }
          callback?.(error, result as never);
        },
      );
    return {
      config: connection.config,
      threadId: connection.threadId,
      connect: (callback) => connection.connect(callback),
      destroy: () => connection.destroy(),
      release: () => connection.release(),
      query,
    };
  }
}

const isGone = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  typeof error.code === 'string' &&
  GONE.has(error.code);

/** @throws with this code, by which the next server is asked. */
export const notInCluster = (): Error =>
  Object.assign(new Error('this node does not belong to the cluster just now'), {
    code: NOT_IN_CLUSTER,
  });
