import { MysqlDialect } from 'kysely';
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
  return new MysqlDialect({ pool });
}
