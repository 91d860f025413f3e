import { CompiledQuery, MysqlDialect } from 'kysely';
import { createPool } from 'mysql2';

export interface MysqlOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Instead of host and port: the server's Unix socket. */
  readonly socketPath?: string | undefined;
  /** The database, which must exist. */
  readonly name: string;
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  /** Default 16. */
  readonly maxConnections?: number | undefined;
}

/**
 * A process that stands still in the middle of a transaction keeps its locks, also those that the
 * next storage waits for. MariaDB ends such a transaction after so many seconds; others ignore the
 * comment.
 */
const SETTINGS = 'set session sql_notes = 1 /*M!100300 , session idle_transaction_timeout = 2 */';

/** kysely's MySQL dialect over mysql2. 64-bit integers come back as bigint. */
export function mysqlDialect(options: MysqlOptions): MysqlDialect {
  const { host, port, socketPath, name, credentials, maxConnections } = options;
  const pool = createPool({
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(socketPath !== undefined && { socketPath }),
    ...(credentials && { user: credentials.username, password: credentials.password }),
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
  return new MysqlDialect({
    pool,
    onCreateConnection: async (connection) => {
      await connection.executeQuery(CompiledQuery.raw(SETTINGS));
    },
  });
}
