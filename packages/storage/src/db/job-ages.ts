import { JobState } from '@spider/core';
import type { JobId, TimestampMs } from '@spider/core';
import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';

export interface JobAge {
  readonly id: JobId;
  /** When it ended; of a job that was not started, when it was submitted. */
  readonly since: TimestampMs;
}

/** The jobs that are READY, or in a final state, for longest. */
export async function selectOldestJobs(
  database: Kysely<Schema>,
  state: JobState,
  limit: number,
): Promise<readonly JobAge[]> {
  const jobs = database.selectFrom('jobs').where('state', '=', state).limit(limit);
  if (state === JobState.Ready) {
    const rows = await jobs.select(['id', 'submitted_at']).orderBy('id').execute();
    return rows.map((row) => toJobAge(row.id, row.submitted_at));
  }
  const rows = await jobs
    .select(['id', 'ended_at'])
    .where('ended_at', 'is not', null)
    .orderBy('ended_at')
    .execute();
  return rows.map((row) => toJobAge(row.id, row.ended_at ?? 0n));
}

const toJobAge = (id: bigint, since: bigint): JobAge => ({
  id: id as JobId,
  since: Number(since) as TimestampMs,
});
