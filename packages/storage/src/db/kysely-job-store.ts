import { isFinalJobState, JobState, notFound } from '@spider/core';
import type { JobId, ResourceGroupId, TimestampMs } from '@spider/core';
import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import { insertBlob, selectBlob, toBuffer } from './blob.ts';
import { BlobKind } from './job-store.ts';
import type {
  ChangeResult,
  CommitBatch,
  InsertedJob,
  JobStateChange,
  JobStore,
  JournalRow,
  NewJob,
  StoredJob,
} from './job-store.ts';
import { DEFAULT_RESOURCE_GROUP } from './migrations/0001-initial.ts';
import type { Engine } from './migrations/column-types.ts';
import type { Schema } from './schema.ts';
import { isDuplicateKey } from './store-error.ts';
import { insertedId } from './session-database.ts';
import type { SessionDatabase } from './session-database.ts';

/** Ids are kept as signed 64-bit integers; no row can have a larger one. */
const ROW_ID_MAX = 0x7fff_ffff_ffff_ffffn;

/** Bytes of journal rows in one statement; twice as many in text, below the 16 MiB of a MySQL packet. */
const STATEMENT_BYTES = 4 * 1024 * 1024;
/** SQLite allows 32,766 parameters a statement; a row takes three. */
const STATEMENT_ROWS = 4096;

export class KyselyJobStore implements JobStore {
  readonly #database: SessionDatabase;

  constructor(database: SessionDatabase) {
    this.#database = database;
  }

  async insertJob(job: NewJob): Promise<InsertedJob> {
    try {
      return await this.#insertJob(job);
    } catch (error) {
      // Another submission with the same key was faster; now it is found.
      if (job.idempotencyKey === undefined || !isDuplicateKey(error)) throw error;
      return await this.#insertJob(job);
    }
  }

  async #insertJob(job: NewJob): Promise<InsertedJob> {
    return await this.#database.write(async (transaction) => {
      const resourceGroupId = await findResourceGroup(transaction, job.resourceGroupId);
      const existing = await findByIdempotencyKey(transaction, resourceGroupId, job.idempotencyKey);
      if (existing !== undefined) return existing;
      const inserted = await transaction
        .insertInto('jobs')
        .values({
          resource_group_id: resourceGroupId,
          idempotency_key: job.idempotencyKey ?? null,
          state: job.state,
          task_count: job.taskCount,
          submitted_at: job.submittedAt,
          started_at: job.state === JobState.Running ? job.submittedAt : null,
        })
        .executeTakeFirstOrThrow();
      const id = insertedId(inserted) as JobId;
      await insertBlob(transaction, id, BlobKind.Graph, job.graph);
      await insertBlob(transaction, id, BlobKind.Inputs, job.inputs);
      return { id, resourceGroupId, existed: false, state: job.state };
    });
  }

  async commit(batch: CommitBatch): Promise<readonly ChangeResult[]> {
    return await this.#database.write(async (transaction) => {
      await insertJournal(transaction, batch.journal, this.#database.engine);
      const results: ChangeResult[] = [];
      for (const change of batch.changes) results.push(await changeState(transaction, change));
      return results;
    });
  }

  async findJob(id: JobId): Promise<StoredJob | undefined> {
    if (id > ROW_ID_MAX) return undefined;
    const row = await this.#database.read((database) =>
      database.selectFrom('jobs').select(JOB_COLUMNS).where('id', '=', id).executeTakeFirst(),
    );
    return row === undefined ? undefined : toStoredJob(row);
  }

  async readBlob(id: JobId, kind: BlobKind): Promise<Uint8Array | undefined> {
    if (id > ROW_ID_MAX) return undefined;
    return await this.#database.read((database) => selectBlob(database, id, kind));
  }

  async listUnfinishedJobs(after: JobId, limit: number): Promise<readonly StoredJob[]> {
    const rows = await this.#database.read((database) =>
      database
        .selectFrom('jobs')
        .select(JOB_COLUMNS)
        .where('state', 'in', UNFINISHED_STATES)
        .where('id', '>', after)
        .orderBy('id')
        .limit(limit)
        .execute(),
    );
    return rows.map(toStoredJob);
  }

  async readJournal(id: JobId, after: number, limit: number): Promise<readonly JournalRow[]> {
    const rows = await this.#database.read((database) =>
      database
        .selectFrom('journal')
        .select(['sequence', 'records'])
        .where('job_id', '=', id)
        .where('sequence', '>', BigInt(after))
        .orderBy('sequence')
        .limit(limit)
        .execute(),
    );
    return rows.map((row) => ({
      jobId: id,
      sequence: Number(row.sequence),
      records: row.records,
    }));
  }
}

const UNFINISHED_STATES = Object.values(JobState).filter((state) => !isFinalJobState(state));

const JOB_COLUMNS = [
  'id',
  'resource_group_id',
  'state',
  'task_count',
  'succeeded_tasks',
  'failed_attempts',
  'error_message',
  'submitted_at',
  'started_at',
  'ended_at',
] as const;

interface JobRow {
  readonly id: bigint;
  readonly resource_group_id: bigint;
  readonly state: number | bigint;
  readonly task_count: number | bigint;
  readonly succeeded_tasks: number | bigint;
  readonly failed_attempts: number | bigint;
  readonly error_message: string | null;
  readonly submitted_at: bigint;
  readonly started_at: bigint | null;
  readonly ended_at: bigint | null;
}

const toStoredJob = (row: JobRow): StoredJob => ({
  id: row.id as JobId,
  resourceGroupId: row.resource_group_id as ResourceGroupId,
  state: Number(row.state) as JobState,
  taskCount: Number(row.task_count),
  succeededTasks: Number(row.succeeded_tasks),
  failedAttempts: Number(row.failed_attempts),
  errorMessage: row.error_message ?? undefined,
  submittedAt: Number(row.submitted_at) as TimestampMs,
  startedAt: toTimestamp(row.started_at),
  endedAt: toTimestamp(row.ended_at),
});

const toTimestamp = (value: bigint | null): TimestampMs | undefined =>
  value === null ? undefined : (Number(value) as TimestampMs);

async function findResourceGroup(
  transaction: Transaction<Schema>,
  id: ResourceGroupId,
): Promise<ResourceGroupId> {
  const groups = transaction.selectFrom('resource_groups').select('id');
  const query =
    id === 0n
      ? groups.where('external_id', '=', DEFAULT_RESOURCE_GROUP)
      : groups.where('id', '=', id > ROW_ID_MAX ? -1n : id);
  const row = await query.executeTakeFirst();
  if (row === undefined) throw notFound(`resource group ${id} does not exist`);
  return row.id as ResourceGroupId;
}

async function findByIdempotencyKey(
  transaction: Transaction<Schema>,
  resourceGroupId: ResourceGroupId,
  key: string | undefined,
): Promise<InsertedJob | undefined> {
  if (key === undefined) return undefined;
  const row = await transaction
    .selectFrom('jobs')
    .select(['id', 'state'])
    .where('resource_group_id', '=', resourceGroupId)
    .where('idempotency_key', '=', key)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const state = Number(row.state) as JobState;
  return { id: row.id as JobId, resourceGroupId, existed: true, state };
}

async function insertJournal(
  transaction: Transaction<Schema>,
  journal: readonly JournalRow[],
  engine: Engine,
): Promise<void> {
  let first = 0;
  while (first < journal.length) {
    const rows = [];
    let bytes = 0;
    while (first < journal.length && rows.length < STATEMENT_ROWS) {
      const row = journal[first];
      if (row === undefined || (rows.length > 0 && bytes + row.records.length > STATEMENT_BYTES)) {
        break;
      }
      bytes += row.records.length;
      rows.push({ job_id: row.jobId, sequence: row.sequence, records: toBuffer(row.records) });
      first++;
    }
    await transaction
      .insertInto('journal')
      .values(rows)
      // A flush whose answer was lost is repeated.
      .$if(engine === 'mysql', (query) =>
        query.onDuplicateKeyUpdate({ records: sql`values(records)` }),
      )
      .execute();
  }
}

async function changeState(
  transaction: Transaction<Schema>,
  change: JobStateChange,
): Promise<ChangeResult> {
  const updated = await transaction
    .updateTable('jobs')
    .set({
      state: change.to,
      succeeded_tasks: change.succeededTasks,
      failed_attempts: change.failedAttempts,
      error_message: change.errorMessage ?? null,
      ...(change.from === JobState.Ready && change.to === JobState.Running
        ? { started_at: change.at }
        : {}),
      ...(isFinalJobState(change.to) ? { ended_at: change.at } : {}),
    })
    .where('id', '=', change.jobId)
    .where('state', '=', change.from)
    .executeTakeFirst();
  if (updated.numUpdatedRows === 0n) return await conflict(transaction, change.jobId);
  if (change.outputs !== undefined) {
    await insertBlob(transaction, change.jobId, BlobKind.Outputs, change.outputs);
  }
  if (change.deleteJournal) {
    await transaction.deleteFrom('journal').where('job_id', '=', change.jobId).execute();
  }
  return { kind: 'changed' };
}

async function conflict(transaction: Transaction<Schema>, jobId: JobId): Promise<ChangeResult> {
  const row = await transaction
    .selectFrom('jobs')
    .select('state')
    .where('id', '=', jobId)
    .executeTakeFirst();
  const state = row === undefined ? undefined : (Number(row.state) as JobState);
  return { kind: 'conflict', state };
}
