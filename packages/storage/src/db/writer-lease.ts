import { sql } from 'kysely';
import type { Expression, Kysely, SqlBool, Transaction } from 'kysely';
import type { Engine } from './migrations/column-types.ts';
import type { Schema } from './schema.ts';

/** What a storage that wants to write says of itself. */
export interface LeaseTerms {
  /** Who it is, for the people who read that it is in their way; at most 256 bytes. */
  readonly holder: string;
  /** How long its right to write lasts unless it is renewed. */
  readonly durationMs: number;
}

/** Another storage has the right to write. */
export interface HeldLease {
  readonly kind: 'held';
  readonly holder: string;
  readonly sessionId: bigint;
  /** When it is worth asking again. */
  readonly retryMs: number;
}

/** Ends by itself when nobody renews it. */
export interface WriterLease {
  /** How often it wants to be renewed; undefined if it lasts as long as the process. */
  readonly durationMs: number | undefined;
  /** @throws as every write of the store does. */
  renew(): Promise<void>;
  /** Lets the next one start at once. @throws as every write of the store does. */
  release(): Promise<void>;
}

/** Milliseconds since 1970 by the database's own clock, when the statement starts. */
const databaseNow = (engine: Engine): Expression<bigint> =>
  engine === 'mysql'
    ? sql<bigint>`(timestampdiff(microsecond, '1970-01-01 00:00:00', utc_timestamp(3)) div 1000)`
    : sql<bigint>`cast(unixepoch('subsec') * 1000 as integer)`;

/** The lease as it stands, and with `lock` stays until the end of the transaction. */
export async function readLease(
  transaction: Kysely<Schema>,
  engine: Engine,
  lock = false,
): Promise<HeldLease & { readonly isValid: boolean }> {
  const now = databaseNow(engine);
  const row = await transaction
    .selectFrom('writer_lease')
    .select(['holder', 'session_id', sql<bigint>`expires_at - ${now}`.as('left_ms')])
    .where('id', '=', 1)
    .$if(lock, (query) => query.forUpdate())
    .executeTakeFirstOrThrow();
  const leftMs = Number(row.left_ms);
  return {
    kind: 'held',
    holder: row.holder,
    sessionId: row.session_id,
    retryMs: Math.max(leftMs, 0),
    isValid: leftMs > 0,
  };
}

export async function writeLease(
  transaction: Transaction<Schema>,
  engine: Engine,
  sessionId: bigint,
  { holder, durationMs }: LeaseTerms,
): Promise<void> {
  await transaction
    .updateTable('writer_lease')
    .set({
      session_id: sessionId,
      holder,
      expires_at: sql<bigint>`${databaseNow(engine)} + ${durationMs}`,
    })
    .where(isTheLease)
    .execute();
}

/**
 * Renews, in a single statement, a lease that this session has and that has not lapsed; answers whether
 * it could. That needs no look at the active session: another one locks the lease, takes it only when it
 * has lapsed, and puts its own session there.
 */
export function newRenewal(
  kysely: Kysely<Schema>,
  engine: Engine,
  sessionId: bigint,
  durationMs: number,
): () => Promise<boolean> {
  const now = databaseNow(engine);
  const query = kysely
    .updateTable('writer_lease')
    .set({ expires_at: sql<bigint>`${now} + ${durationMs}` })
    .where(isTheLease)
    .where('session_id', '=', sessionId)
    .where(sql<SqlBool>`expires_at > ${now}`)
    .compile();
  return async () => {
    const { numAffectedRows } = await kysely.executeQuery(query);
    return numAffectedRows === 1n;
  };
}

/** One that has begun without a lease has ended that of whoever came before. */
export async function endLease(transaction: Transaction<Schema>, sessionId: bigint): Promise<void> {
  await transaction
    .updateTable('writer_lease')
    .set({ session_id: sessionId, expires_at: 0 })
    .where(isTheLease)
    .execute();
}

export async function releaseLease(transaction: Transaction<Schema>): Promise<void> {
  await transaction.updateTable('writer_lease').set({ expires_at: 0 }).where(isTheLease).execute();
}

const isTheLease = sql<SqlBool>`id = 1`;
