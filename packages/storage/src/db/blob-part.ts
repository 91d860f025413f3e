import { LIMITS } from '@spider/core';
import type { JobId } from '@spider/core';
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { BlobKind } from './job-store.ts';
import type { Schema } from './schema.ts';
import { Statement } from './statement.ts';

/** How many bytes a value has; undefined if there is none. Reads its last row alone. */
export async function selectBlobBytes(
  database: Kysely<Schema>,
  jobId: JobId,
  kind: BlobKind,
): Promise<number | undefined> {
  const last = await database
    .selectFrom('job_blobs')
    .select(['part', sql<bigint | number>`length(data)`.as('bytes')])
    .where('job_id', '=', jobId)
    .where('kind', '=', kind)
    .orderBy('part', 'desc')
    .limit(1)
    .executeTakeFirst();
  // All rows but the last are full.
  return last && Number(last.part) * LIMITS.blobRowBytes + Number(last.bytes);
}

/** One row of a value, counted from 0; undefined if it has fewer. */
export async function selectBlobPart(
  database: Kysely<Schema>,
  jobId: JobId,
  kind: BlobKind,
  part: number,
): Promise<Uint8Array | undefined> {
  const { rows } = await findPart.run(database, { jobId, kind, part });
  return rows[0]?.data;
}

const findPart = new Statement(
  (database, { jobId, kind, part }: { jobId: JobId; kind: BlobKind; part: number }) =>
    database
      .selectFrom('job_blobs')
      .select('data')
      .where('job_id', '=', jobId)
      .where('kind', '=', kind)
      .where('part', '=', part),
);
