import type { TimestampMs } from '@spider/core';
import type { SessionDatabase } from './session-database.ts';

/** What a deletion of ended execution managers came to. */
export interface DeletedExecutionManagers {
  readonly deleted: number;
  /** When the next of those that are left has ended; undefined if all of them are alive. */
  readonly nextEndedAt: TimestampMs | undefined;
}

/** Deletes some of those that ended at this time or before, the oldest first. */
export async function deleteEndedExecutionManagers(
  database: SessionDatabase,
  before: TimestampMs,
  limit: number,
): Promise<DeletedExecutionManagers> {
  const oldest = await database.read((kysely) =>
    kysely
      .selectFrom('execution_managers')
      .select(['id', 'ended_at'])
      .where('ended_at', 'is not', null)
      .orderBy('ended_at')
      .limit(limit + 1)
      .execute(),
  );
  const ids = oldest
    .slice(0, limit)
    .filter((row) => Number(row.ended_at) <= before)
    .map((row) => row.id);
  const next = oldest[ids.length];
  if (ids.length > 0) {
    await database.write((transaction) =>
      transaction.deleteFrom('execution_managers').where('id', 'in', ids).execute(),
    );
  }
  return {
    deleted: ids.length,
    nextEndedAt: next === undefined ? undefined : (Number(next.ended_at) as TimestampMs),
  };
}

/**
 * Deletes some sessions that were opened at this time or before, and what says which instance ids they
 * had. The newest of both stay, so that no id is given twice by a database that counts from what it has.
 */
export async function deleteOldSessions(
  database: SessionDatabase,
  before: TimestampMs,
  limit: number,
): Promise<number> {
  const old = await database.read((kysely) =>
    kysely
      .selectFrom('sessions')
      .select('id')
      .where('opened_at', '<=', BigInt(before))
      .where('id', '<', database.sessionId)
      .orderBy('id')
      .limit(limit)
      .execute(),
  );
  const last = old.at(-1)?.id;
  if (last === undefined) return 0;
  await database.write(async (transaction) => {
    const newest = await transaction
      .selectFrom('task_instance_blocks')
      .select((expression) => expression.fn.max('id').as('id'))
      .executeTakeFirst();
    await transaction
      .deleteFrom('task_instance_blocks')
      .where('session_id', '<=', last)
      .where('id', '<', BigInt(newest?.id ?? 0))
      .execute();
    await transaction.deleteFrom('sessions').where('id', '<=', last).execute();
  });
  return old.length;
}
