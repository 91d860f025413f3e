import { sql } from 'kysely';
import type { Kysely, Transaction } from 'kysely';
import type { SessionId, TimestampMs } from '@spider/core';
import type { Engine } from './migrations/column-types.ts';
import type { Schema } from './schema.ts';
import { Statement } from './statement.ts';
import { SupersededError, toStoreError } from './store-error.ts';
import { endLease, readLease, writeLease } from './writer-lease.ts';
import type { HeldLease, LeaseTerms } from './writer-lease.ts';

/**
 * The database in the hands of one session. Writes go through `write`, which lets them commit only
 * while no later session has been opened.
 */
export class SessionDatabase {
  readonly kysely: Kysely<Schema>;
  readonly engine: Engine;
  readonly sessionId: SessionId;
  readonly #findActive: Statement<object, { session_id: bigint }>;
  readonly #superseded = Promise.withResolvers<SupersededError>();

  private constructor(kysely: Kysely<Schema>, engine: Engine, sessionId: SessionId) {
    this.kysely = kysely;
    this.engine = engine;
    this.sessionId = sessionId;
    this.#findActive = new Statement((database, _none: object) =>
      database
        .selectFrom('active_session')
        .select('session_id')
        .where('id', '=', 1)
        // Shared, so that writes exclude the opening of a session and not one another. In SQLite the
        // transaction holds the only write lock already.
        .$if(engine === 'mysql', (query) => query.modifyEnd(sql`lock in share mode`)),
    );
  }

  /** Opens a new session and with that supersedes all earlier ones, whatever lease they hold. */
  static async open(
    kysely: Kysely<Schema>,
    engine: Engine,
    at: TimestampMs,
    terms?: LeaseTerms,
  ): Promise<SessionDatabase> {
    const sessionId = await kysely.transaction().execute(async (transaction) => {
      await lockActiveSession(transaction, engine);
      return await openSession(transaction, engine, at, terms);
    });
    return new SessionDatabase(kysely, engine, sessionId);
  }

  /** Opens a new session unless an earlier one holds a lease that has not lapsed. */
  static async openWhenFree(
    kysely: Kysely<Schema>,
    engine: Engine,
    at: TimestampMs,
    terms: LeaseTerms,
  ): Promise<SessionDatabase | HeldLease> {
    const result = await kysely.transaction().execute(async (transaction) => {
      await lockActiveSession(transaction, engine);
      // So that it is not renewed meanwhile.
      const lease = await readLease(transaction, engine, engine === 'mysql');
      if (lease.isValid) return lease;
      return await openSession(transaction, engine, at, terms);
    });
    return typeof result === 'bigint' ? new SessionDatabase(kysely, engine, result) : result;
  }

  /** Resolves when a write has found a later session. */
  get superseded(): Promise<SupersededError> {
    return this.#superseded.promise;
  }

  async write<T>(run: (transaction: Transaction<Schema>) => Promise<T>): Promise<T> {
    try {
      return await this.kysely.transaction().execute(async (transaction) => {
        await this.#assertActive(transaction);
        return await run(transaction);
      });
    } catch (error) {
      if (error instanceof SupersededError) this.#superseded.resolve(error);
      throw toStoreError(error);
    }
  }

  async read<T>(run: (database: Kysely<Schema>) => Promise<T>): Promise<T> {
    try {
      return await run(this.kysely);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  async #assertActive(transaction: Transaction<Schema>): Promise<void> {
    const { rows } = await this.#findActive.run(transaction, {});
    const active = rows[0]?.session_id;
    if (active === undefined) throw new Error('the database does not say which session is active');
    if (active !== this.sessionId) throw new SupersededError(this.sessionId, active);
  }
}

async function openSession(
  transaction: Transaction<Schema>,
  engine: Engine,
  at: TimestampMs,
  terms: LeaseTerms | undefined,
): Promise<SessionId> {
  const inserted = await transaction
    .insertInto('sessions')
    .values({ opened_at: at })
    .executeTakeFirstOrThrow();
  const id = insertedId(inserted) as SessionId;
  await transaction
    .updateTable('active_session')
    .set({ session_id: id })
    .where('id', '=', 1)
    .execute();
  if (terms === undefined) await endLease(transaction, id);
  else await writeLease(transaction, engine, id, terms);
  return id;
}

/** Before a session is drawn: of two starts the one with the later number also wins. */
async function lockActiveSession(transaction: Transaction<Schema>, engine: Engine): Promise<void> {
  if (engine === 'sqlite') return;
  await transaction
    .selectFrom('active_session')
    .select('id')
    .where('id', '=', 1)
    .forUpdate()
    .execute();
}

/** The auto-incremented id of a row that was just inserted. */
export function insertedId(result: { readonly insertId?: bigint | undefined }): bigint {
  if (result.insertId === undefined) throw new Error('the database gave no id for a new row');
  return result.insertId;
}
