import { existsSync } from 'node:fs';
import type { TimestampMs } from '@spider/core';
import type { Kysely } from 'kysely';
import { activateByLease } from './active-database.ts';
import type { ActiveDatabase } from './active-database.ts';
import { lockSqliteFile } from './dialect/sqlite-lock.ts';
import { migrate } from './migrations/migrate.ts';
import { asUnusable, openDatabase, storeOf } from './open-store.ts';
import type { DatabaseOptions } from './open-store.ts';
import type { Schema } from './schema.ts';
import { SessionDatabase } from './session-database.ts';
import { readLease } from './writer-lease.ts';
import type { HeldLease, LeaseTerms } from './writer-lease.ts';

/** How soon a lock of the operating system may be asked for again; nobody knows when it ends. */
const LOCK_RETRY_MS = 500;

/** A database before anybody writes to it. */
export class Database implements AsyncDisposable {
  readonly #kysely: Kysely<Schema>;
  readonly #options: DatabaseOptions;
  #lock: Disposable | undefined;
  #isUpToDate = false;

  private constructor(kysely: Kysely<Schema>, options: DatabaseOptions) {
    this.#kysely = kysely;
    this.#options = options;
  }

  /**
   * Connects and brings the tables up to date. On SQLite that is left to the one who has the lock: if it
   * stands still within a write, nobody else could so much as look.
   *
   * @throws SpiderError 'unavailable' if the database does not answer just now,
   * 'failed-precondition' if it cannot be used.
   */
  static async connect(options: DatabaseOptions): Promise<Database> {
    const database = new Database(openDatabase(options), options);
    try {
      if (!database.#isTaken()) await database.#bringUpToDate();
      return database;
    } catch (error) {
      await database[Symbol.asyncDispose]();
      throw asUnusable(error);
    }
  }

  /**
   * Takes the right to write, with a new session, unless another storage has it. On SQLite that one
   * has it as long as it lives; on a database server until its lease lapses. What it answers ends
   * with this object.
   *
   * @throws as `connect` does.
   */
  async activate(terms: LeaseTerms, at: TimestampMs): Promise<ActiveDatabase | HeldLease> {
    try {
      return this.#options.engine === 'sqlite'
        ? await this.#activateSqlite(this.#options.path, terms, at)
        : await activateByLease(this.#kysely, 'mysql', terms, at);
    } catch (error) {
      throw asUnusable(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kysely.destroy();
    this.#lock?.[Symbol.dispose]();
  }

  async #activateSqlite(
    path: string,
    terms: LeaseTerms,
    at: TimestampMs,
  ): Promise<ActiveDatabase | HeldLease> {
    this.#lock ??= lockSqliteFile(path);
    if (this.#lock === undefined) {
      // Not in a transaction, which would wait for that of the holder.
      const lease = await readLease(this.#kysely, 'sqlite');
      return { ...lease, retryMs: LOCK_RETRY_MS };
    }
    await this.#bringUpToDate();
    const session = await SessionDatabase.open(this.#kysely, 'sqlite', at, terms);
    const nothing = async (): Promise<void> => undefined;
    const lease = { durationMs: undefined, renew: nothing, release: nothing };
    return { kind: 'active', store: storeOf(session, nothing), lease };
  }

  /** Whether another process has the lock of an SQLite file; if not, this one has it from now on. */
  #isTaken(): boolean {
    if (this.#options.engine !== 'sqlite') return false;
    const { path } = this.#options;
    // A file that is not there has no name for its lock yet.
    if (path !== ':memory:' && !existsSync(path)) return false;
    this.#lock ??= lockSqliteFile(path);
    return this.#lock === undefined;
  }

  async #bringUpToDate(): Promise<void> {
    if (this.#isUpToDate) return;
    await migrate(this.#kysely, this.#options.engine);
    this.#isUpToDate = true;
  }
}
