import { isFinalJobState, JobState } from '@spider/core';
import type { JobId } from '@spider/core';
import type { SessionDatabase } from './session-database.ts';

/** Rows of up to 1 MiB in one transaction. */
const ROWS_PER_TRANSACTION = 64;

const FINAL_STATES = Object.values(JobState).filter((state) => isFinalJobState(state));

/**
 * Deletes a job that has ended, in transactions of bounded size, its own row last: if it is broken off,
 * the job is still there to be deleted again.
 */
export async function deleteEndedJob(database: SessionDatabase, id: JobId): Promise<void> {
  while (await deleteSomeJournal(database, id));
  while (await deleteSomeBlobs(database, id));
  await database.write(async (transaction) => {
    await transaction.deleteFrom('job_labels').where('job_id', '=', id).execute();
    await transaction
      .deleteFrom('jobs')
      .where('id', '=', id)
      .where('state', 'in', FINAL_STATES)
      .execute();
  });
}

/** Answers whether there may be more. */
async function deleteSomeJournal(database: SessionDatabase, id: JobId): Promise<boolean> {
  return await database.write(async (transaction) => {
    const rows = await transaction
      .selectFrom('journal')
      .select('sequence')
      .where('job_id', '=', id)
      .orderBy('sequence')
      .limit(ROWS_PER_TRANSACTION)
      .execute();
    const last = rows.at(-1);
    if (last === undefined) return false;
    await transaction
      .deleteFrom('journal')
      .where('job_id', '=', id)
      .where('sequence', '<=', last.sequence)
      .execute();
    return rows.length === ROWS_PER_TRANSACTION;
  });
}

async function deleteSomeBlobs(database: SessionDatabase, id: JobId): Promise<boolean> {
  return await database.write(async (transaction) => {
    const rows = await transaction
      .selectFrom('job_blobs')
      .select(['kind', 'part'])
      .where('job_id', '=', id)
      .orderBy('kind')
      .orderBy('part')
      .limit(ROWS_PER_TRANSACTION)
      .execute();
    for (const { kind, part } of rows) {
      await transaction
        .deleteFrom('job_blobs')
        .where('job_id', '=', id)
        .where('kind', '=', kind)
        .where('part', '=', part)
        .execute();
    }
    return rows.length === ROWS_PER_TRANSACTION;
  });
}
