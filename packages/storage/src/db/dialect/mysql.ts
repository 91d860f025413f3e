import { MysqlDialect } from 'kysely';
import { createPool } from 'mysql2';
import type { Pool, PoolConnection, RowDataPacket } from 'mysql2';
import { FailoverPool, notInCluster } from './failover-pool.ts';

interface MysqlServer {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Instead of host and port: the server's Unix socket. */
  readonly socketPath?: string | undefined;
}

export interface MysqlOptions extends MysqlServer {
  /** Instead of one server: the nodes of a cluster. The next one is asked when one is gone. */
  readonly hosts?: readonly MysqlServer[] | undefined;
  /** The database, which must exist. */
  readonly name: string;
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  /** To each server; default 16. */
  readonly maxConnections?: number | undefined;
}

/**
 * A process that stands still in the middle of a transaction keeps its locks, also those that the
 * next storage waits for. MariaDB ends such a transaction after so many seconds; others ignore the
 * comment.
 */
const SETTINGS = 'set session sql_notes = 1 /*M!100300 , session idle_transaction_timeout = 2 */';
/** A node shows what is committed on another one a moment later, unless each statement waits for that. */
const WAIT_FOR_OTHERS = 'set session wsrep_sync_wait = 7';

const CONNECT_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 10_000;

/** kysely's MySQL dialect over mysql2. 64-bit integers come back as bigint. */
export function mysqlDialect(options: MysqlOptions): MysqlDialect {
  const { hosts = [options] } = options;
  const pools = hosts.map((server) => openPool(server, options));
  return new MysqlDialect({
    pool: new FailoverPool({ pools, prepare, statementTimeoutMs: STATEMENT_TIMEOUT_MS }),
  });
}

function openPool(server: MysqlServer, options: MysqlOptions): Pool {
  const { hosts = [], name, credentials, maxConnections } = options;
  const { host, port, socketPath } = server;
  return createPool({
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(socketPath !== undefined && { socketPath }),
    ...(credentials && { user: credentials.username, password: credentials.password }),
    ...(hosts.length > 1 && { connectTimeout: CONNECT_TIMEOUT_MS }),
    database: name,
    connectionLimit: maxConnections ?? 16,
    charset: 'utf8mb4_bin',
    supportBigNumbers: true,
    typeCast: (field, next) => {
      if (field.type !== 'LONGLONG') return next();
      const digits = field.string();
      return digits === null ? null : BigInt(digits);
    },
  });
}

async function prepare(connection: PoolConnection): Promise<void> {
  const session = connection.promise();
  await session.query(SETTINGS);
  const [rows] = await session.query<RowDataPacket[]>("show variables like 'wsrep_on'");
  if (rows[0]?.['Value'] !== 'ON') return;
  const [states] = await session.query<RowDataPacket[]>("show status like 'wsrep_ready'");
  if (states[0]?.['Value'] !== 'ON') throw notInCluster();
  await session.query(WAIT_FOR_OTHERS);
}
