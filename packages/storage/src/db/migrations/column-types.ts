import { sql } from 'kysely';
import type { Expression } from 'kysely';

export type Engine = 'sqlite' | 'mysql';

type DataType = 'integer' | 'bigint' | 'text' | 'blob' | Expression<unknown>;

/** What each engine calls the handful of column types that the tables use. */
export interface ColumnTypes {
  /** Of an auto-incremented primary key. */
  readonly id: DataType;
  readonly bigint: DataType;
  readonly integer: DataType;
  /** Up to 256 bytes, compared byte by byte. */
  readonly name: DataType;
  /** Up to 64 and 256 bytes, compared byte by byte and with their spaces; read as bytes or as text. */
  readonly labelKey: DataType;
  readonly labelValue: DataType;
  /** Up to 16 MiB of text. */
  readonly text: DataType;
  /** Up to 16 MiB. */
  readonly blob: DataType;
}

const TYPES: Record<Engine, ColumnTypes> = {
  sqlite: {
    // Only INTEGER PRIMARY KEY can be auto-incremented; it is 64 bits wide as any integer here.
    id: 'integer',
    bigint: 'integer',
    integer: 'integer',
    name: 'text',
    labelKey: 'text',
    labelValue: 'text',
    text: 'text',
    blob: 'blob',
  },
  mysql: {
    id: 'bigint',
    bigint: 'bigint',
    integer: 'integer',
    // The default collations compare without regard to case.
    name: sql`varchar(256) character set utf8mb4 collate utf8mb4_bin`,
    labelKey: sql`varbinary(64)`,
    labelValue: sql`varbinary(256)`,
    text: sql`mediumtext character set utf8mb4 collate utf8mb4_bin`,
    blob: sql`mediumblob`,
  },
};

export const columnTypes = (engine: Engine): ColumnTypes => TYPES[engine];
