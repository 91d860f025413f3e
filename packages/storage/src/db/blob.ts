import { LIMITS } from '@spider/core';
import type { JobId } from '@spider/core';
import type { Kysely, Transaction } from 'kysely';
import type { BlobKind } from './job-store.ts';
import type { Schema } from './schema.ts';
import { Statement } from './statement.ts';

/** Rows in one statement: 4 MiB, which are 8 in text, below the 16 of a MySQL packet by default. */
const PARTS_PER_STATEMENT = 4;

export interface BlobRow {
  readonly job_id: JobId;
  readonly kind: BlobKind;
  readonly part: number;
  readonly data: Buffer;
}

/** A value of any size as rows of at most LIMITS.blobRowBytes. An empty one is one empty row. */
export function blobRows(jobId: JobId, kind: BlobKind, value: Uint8Array): BlobRow[] {
  const rows: BlobRow[] = [];
  for (let start = 0; start === 0 || start < value.length; start += LIMITS.blobRowBytes) {
    const data = toBuffer(value.subarray(start, start + LIMITS.blobRowBytes));
    rows.push({ job_id: jobId, kind, part: rows.length, data });
  }
  return rows;
}

export async function insertBlobRows(
  transaction: Transaction<Schema>,
  rows: readonly BlobRow[],
): Promise<void> {
  for (let first = 0; first < rows.length; first += PARTS_PER_STATEMENT) {
    await insertRows.run(transaction, ...rows.slice(first, first + PARTS_PER_STATEMENT));
  }
}

const insertRows = new Statement((database, ...rows: BlobRow[]) =>
  database
    .insertInto('job_blobs')
    .values(rows.map(({ job_id, kind, part, data }) => ({ job_id, kind, part, data }))),
);

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
