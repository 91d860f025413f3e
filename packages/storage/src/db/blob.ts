import { LIMITS } from '@spider/core';
import type { JobId } from '@spider/core';
import type { Kysely, Transaction } from 'kysely';
import type { BlobKind } from './job-store.ts';
import type { Schema } from './schema.ts';

/** Rows in one statement: 4 MiB, which are 8 in text, below the 16 of a MySQL packet by default. */
const PARTS_PER_STATEMENT = 4;

/** Writes a value of any size as rows of at most LIMITS.blobRowBytes. An empty one is one empty row. */
export async function insertBlob(
  transaction: Transaction<Schema>,
  jobId: JobId,
  kind: BlobKind,
  value: Uint8Array,
): Promise<void> {
  const partCount = Math.max(1, Math.ceil(value.length / LIMITS.blobRowBytes));
  for (let first = 0; first < partCount; first += PARTS_PER_STATEMENT) {
    const rows = [];
    for (let part = first; part < Math.min(first + PARTS_PER_STATEMENT, partCount); part++) {
      const start = part * LIMITS.blobRowBytes;
      const data = value.subarray(start, start + LIMITS.blobRowBytes);
      rows.push({ job_id: jobId, kind, part, data: toBuffer(data) });
    }
    await transaction.insertInto('job_blobs').values(rows).execute();
  }
}

export async function selectBlob(
  database: Kysely<Schema>,
  jobId: JobId,
  kind: BlobKind,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const rows = await database
      .selectFrom('job_blobs')
      .select('data')
      .where('job_id', '=', jobId)
      .where('kind', '=', kind)
      .where('part', '>=', parts.length)
      .orderBy('part')
      .limit(PARTS_PER_STATEMENT)
      .execute();
    for (const row of rows) parts.push(row.data);
    if (rows.length < PARTS_PER_STATEMENT) break;
  }
  if (parts.length === 0) return undefined;
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

/** mysql2 takes a plain Uint8Array for a list of numbers. */
export const toBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
