import { DatabaseSync } from 'node:sqlite';
import type { StatementSync, SQLInputValue } from 'node:sqlite';
import { SqliteAdapter, SqliteDialect } from 'kysely';
import type {
  DialectAdapter,
  Driver,
  SqliteDatabase,
  SqliteDialectConfig,
  SqliteStatement,
} from 'kysely';
import { RolledBackDriver } from './rolled-back-driver.ts';
import { TurnTakingDriver } from './turn-taking-driver.ts';
import type { TurnClock } from './turn-taking-driver.ts';

/** Statements kept prepared; the store has a few dozen distinct ones. */
const PREPARED_STATEMENTS_MAX = 256;

export interface SqliteOptions {
  /** File of the database, created if missing; `:memory:` for one that dies with the process. */
  readonly path: string;
  /** How long a statement waits for another process's lock. Default 10,000. */
  readonly busyTimeoutMs?: number;
  /** Lets others have a turn between statements that take long. By default they go on at once. */
  readonly clock?: TurnClock;
  /** The time that statements see, in milliseconds since 1970. That of the machine by default. */
  readonly nowMs?: () => number;
}

/** kysely's SQLite dialect over Node's own SQLite. Integers come back as bigint. */
export function sqliteDialect(options: SqliteOptions): SqliteDialect {
  return new NodeSqliteDialect(options);
}

class NodeSqliteDialect extends SqliteDialect {
  readonly #options: SqliteOptions;
  readonly #config: SqliteDialectConfig;

  constructor(options: SqliteOptions) {
    const config = { database: async () => new NodeSqliteDatabase(options) };
    super(config);
    this.#options = options;
    this.#config = config;
  }

  override createDriver(): Driver {
    const { clock } = this.#options;
    return clock === undefined
      ? new RolledBackDriver(this.#config)
      : new TurnTakingDriver(this.#config, clock);
  }

  override createAdapter(): DialectAdapter {
    return new NodeSqliteAdapter();
  }
}

/** kysely does not trust SQLite to create tables in a transaction, but it can. */
class NodeSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    // Of two processes that migrate at once, one waits for the other's transaction.
    return true;
  }
}

class NodeSqliteDatabase implements SqliteDatabase {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, NodeSqliteStatement>();

  constructor(options: SqliteOptions) {
    this.#database = new DatabaseSync(options.path, {
      readBigInts: true,
      timeout: options.busyTimeoutMs ?? 10_000,
      enableForeignKeyConstraints: true,
    });
    this.#database.exec('PRAGMA journal_mode = WAL');
    // A commit that was acknowledged survives a power cut, not only a crash of the process.
    this.#database.exec('PRAGMA synchronous = FULL');
    // Pages of the log, 32 MiB, between two merges into the database; rarer ones cost less.
    this.#database.exec('PRAGMA wal_autocheckpoint = 8192');
    const { nowMs } = options;
    if (nowMs === undefined) return;
    this.#database.function('unixepoch', { varargs: true }, () => nowMs() / 1000);
  }

  prepare(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      // A transaction that reads first and writes later cannot wait for the write lock, only fail.
      const prepared = this.#database.prepare(sql === 'begin' ? 'begin immediate' : sql);
      statement = new NodeSqliteStatement(prepared);
      if (this.#statements.size >= PREPARED_STATEMENTS_MAX) this.#statements.clear();
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}

class NodeSqliteStatement implements SqliteStatement {
  readonly #statement: StatementSync;
  readonly reader: boolean;

  constructor(statement: StatementSync) {
    this.#statement = statement;
    this.reader = statement.columns().length > 0;
  }

  all(parameters: readonly unknown[]): unknown[] {
    return this.#statement.all(...(parameters as SQLInputValue[]));
  }

  run(parameters: readonly unknown[]): {
    changes: number | bigint;
    lastInsertRowid: number | bigint;
  } {
    return this.#statement.run(...(parameters as SQLInputValue[]));
  }

  iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    return this.#statement.iterate(...(parameters as SQLInputValue[]));
  }
}
