import { isFinalJobState, JobState } from '@spider/core';
import type { JobId, Labels, ResourceGroupId, TimestampMs } from '@spider/core';
import { sql } from 'kysely';
import type { Insertable, Kysely, Transaction } from 'kysely';
import { blobRows, insertBlobRows, toBuffer } from './blob.ts';
import { NO_METADATA } from '../job-metadata.ts';
import { policyColumns } from './job-policy-columns.ts';
import { BlobKind } from './job-store.ts';
import type {
  ChangeResult,
  InsertedJob,
  JobStateChange,
  JournalRow,
  NewJob,
  SubmissionResult,
} from './job-store.ts';
import { DEFAULT_RESOURCE_GROUP } from './migrations/0001-initial.ts';
import type { Engine } from './migrations/column-types.ts';
import { ROW_ID_MAX } from './row-id.ts';
import type { JobTable, JournalTable, Schema } from './schema.ts';
import { insertedId } from './session-database.ts';
import { Statement } from './statement.ts';

/** Bytes of journal rows in one statement; twice as many in text, below the 16 MiB of a MySQL packet. */
const STATEMENT_BYTES = 4 * 1024 * 1024;
/** SQLite allows 32,766 parameters a statement; a row takes three. */
const STATEMENT_ROWS = 4096;

/** Enters a job, unless one with its idempotency key is there already. */
export async function insertJob(
  transaction: Transaction<Schema>,
  job: NewJob,
  engine: Engine,
): Promise<SubmissionResult> {
  const resourceGroupId = await findResourceGroup(transaction, job.resourceGroupId);
  if (resourceGroupId === undefined) return { kind: 'no-resource-group' };
  const existing = await findByIdempotencyKey(transaction, resourceGroupId, job.idempotencyKey);
  if (existing !== undefined) return { kind: 'job', job: existing };
  const inserted = await insertJobRow.run(transaction, {
    resource_group_id: resourceGroupId,
    idempotency_key: job.idempotencyKey ?? null,
    state: job.state,
    task_count: job.taskCount,
    submitted_at: job.submittedAt,
    started_at: job.state === JobState.Running ? job.submittedAt : null,
    succeeded_tasks: job.retry?.succeededTasks ?? 0,
    retry_of_job_id: job.retry?.retryOf ?? null,
    ...metadataColumns(job),
    ...policyColumns(job.policy),
  });
  const id = insertedId(inserted) as JobId;
  await insertBlobRows(transaction, [
    ...blobRows(id, BlobKind.Graph, job.graph),
    ...blobRows(id, BlobKind.Inputs, job.inputs),
  ]);
  await insertLabels(transaction, id, job);
  const journal = (job.retry?.journal ?? []).map((records, at) => ({
    jobId: id,
    sequence: at + 1,
    records,
  }));
  await insertJournal(transaction, journal, engine);
  return { kind: 'job', job: { id, resourceGroupId, existed: false, state: job.state } };
}

const RECORDS_COLUMNS = ['job_id', 'sequence', 'records'] as const;

const JOB_COLUMNS = [
  'resource_group_id',
  'idempotency_key',
  'state',
  'task_count',
  'submitted_at',
  'started_at',
  'succeeded_tasks',
  'retry_of_job_id',
  'name',
  'labels',
  'priority',
  'requires',
  'max_concurrency',
  'durability',
  'failure_policy',
  'cleanup_after_failure',
  'deadline_ms',
  'deadline_at',
] as const satisfies readonly (keyof Insertable<JobTable>)[];

type NewJobRow = Pick<Insertable<JobTable>, (typeof JOB_COLUMNS)[number]>;

const insertJobRow = new Statement((database, row: NewJobRow) =>
  database.insertInto('jobs').values(pick(row, JOB_COLUMNS)),
);

function metadataColumns({ metadata = NO_METADATA }: NewJob): {
  name: string;
  labels: string | null;
  priority: number;
  requires: string | null;
  max_concurrency: number;
} {
  const { name, labels, priority, requires, maxConcurrency } = metadata;
  return {
    name,
    labels: toText(labels),
    priority,
    requires: toText(requires),
    max_concurrency: maxConcurrency,
  };
}

const toText = (labels: Labels): string | null =>
  Object.keys(labels).length > 0 ? JSON.stringify(labels) : null;

async function insertLabels(
  transaction: Transaction<Schema>,
  id: JobId,
  { metadata = NO_METADATA }: NewJob,
): Promise<void> {
  const rows = Object.entries(metadata.labels).map(([key, value]) => ({
    job_id: id,
    label_key: key,
    label_value: value,
  }));
  if (rows.length > 0) await transaction.insertInto('job_labels').values(rows).execute();
}

/** The group's id, which is not 0; undefined if there is no such group. */
export async function findResourceGroup(
  transaction: Kysely<Schema>,
  id: ResourceGroupId,
): Promise<ResourceGroupId | undefined> {
  const { rows } =
    id === 0n
      ? await findDefaultGroup.run(transaction, {})
      : await findGroup.run(transaction, { id: id > ROW_ID_MAX ? -1n : id });
  return rows[0]?.id as ResourceGroupId | undefined;
}

const findDefaultGroup = new Statement((database, _none: object) =>
  database
    .selectFrom('resource_groups')
    .select('id')
    .where('external_id', '=', DEFAULT_RESOURCE_GROUP),
);

const findGroup = new Statement((database, { id }: { id: bigint }) =>
  database.selectFrom('resource_groups').select('id').where('id', '=', id),
);

export async function findByIdempotencyKey(
  transaction: Kysely<Schema>,
  resourceGroupId: ResourceGroupId,
  key: string | undefined,
): Promise<InsertedJob | undefined> {
  if (key === undefined) return undefined;
  const [row] = (await findByKey.run(transaction, { resourceGroupId, key })).rows;
  if (row === undefined) return undefined;
  const state = Number(row.state) as JobState;
  return { id: row.id as JobId, resourceGroupId, existed: true, state };
}

const findByKey = new Statement(
  (database, { resourceGroupId, key }: { resourceGroupId: ResourceGroupId; key: string }) =>
    database
      .selectFrom('jobs')
      .select(['id', 'state'])
      .where('resource_group_id', '=', resourceGroupId)
      .where('idempotency_key', '=', key),
);

export async function insertJournal(
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
    const insertion = engine === 'mysql' ? insertRecordsMysql : insertRecordsSqlite;
    await insertion.run(transaction, ...rows);
  }
}

type RecordsRow = Insertable<JournalTable>;

/** A flush whose answer was lost is repeated. */
const insertRecordsSqlite = new Statement((database, ...rows: RecordsRow[]) =>
  database
    .insertInto('journal')
    .values(rows.map((row) => pick(row, RECORDS_COLUMNS)))
    .onConflict((conflict) =>
      conflict
        .columns(['job_id', 'sequence'])
        .doUpdateSet((set) => ({ records: set.ref('excluded.records') })),
    ),
);

const insertRecordsMysql = new Statement((database, ...rows: RecordsRow[]) =>
  database
    .insertInto('journal')
    .values(rows.map((row) => pick(row, RECORDS_COLUMNS)))
    .onDuplicateKeyUpdate({ records: sql`values(records)` }),
);

export async function changeState(
  transaction: Transaction<Schema>,
  change: JobStateChange,
): Promise<ChangeResult> {
  const isStart = change.from === JobState.Ready && change.to === JobState.Running;
  const updated = await updateState.run(transaction, {
    ...change,
    errorMessage: change.errorMessage ?? null,
    // Null leaves what there is.
    endReason: change.endReason ?? null,
    startedAt: isStart ? change.at : null,
    endedAt: isFinalJobState(change.to) ? change.at : null,
  });
  if (updated.numAffectedRows === 0n) return await conflict(transaction, change.jobId);
  if (change.outputs !== undefined) {
    await insertBlobRows(transaction, blobRows(change.jobId, BlobKind.Outputs, change.outputs));
  }
  if (change.deleteJournal) {
    await deleteRecords.run(transaction, { jobId: change.jobId });
  }
  return { kind: 'changed' };
}

interface UpdatedState extends Omit<JobStateChange, 'errorMessage' | 'endReason'> {
  readonly errorMessage: string | null;
  readonly endReason: string | null;
  readonly startedAt: TimestampMs | null;
  readonly endedAt: TimestampMs | null;
}

const updateState = new Statement((database, change: UpdatedState) =>
  database
    .updateTable('jobs')
    .set((set) => ({
      state: change.to,
      succeeded_tasks: change.succeededTasks,
      failed_tasks: change.failedTasks,
      skipped_tasks: change.skippedTasks,
      failed_attempts: change.failedAttempts,
      error_message: change.errorMessage,
      end_reason: set.fn.coalesce(set.val(change.endReason), set.ref('end_reason')),
      started_at: set.fn.coalesce(set.val(change.startedAt), set.ref('started_at')),
      ended_at: set.fn.coalesce(set.val(change.endedAt), set.ref('ended_at')),
    }))
    .where('id', '=', change.jobId)
    .where('state', '=', change.from),
);

const deleteRecords = new Statement((database, { jobId }: { jobId: JobId }) =>
  database.deleteFrom('journal').where('job_id', '=', jobId),
);

async function conflict(transaction: Transaction<Schema>, jobId: JobId): Promise<ChangeResult> {
  const row = await transaction
    .selectFrom('jobs')
    .select('state')
    .where('id', '=', jobId)
    .executeTakeFirst();
  const state = row === undefined ? undefined : (Number(row.state) as JobState);
  return { kind: 'conflict', state };
}

/** The columns one by one: of a row that is none yet, only the names are known. */
function pick<Row, Column extends keyof Row>(
  row: Row,
  columns: readonly Column[],
): Pick<Row, Column> {
  const entries = columns.map((column) => [column, row[column]]);
  return Object.fromEntries(entries) as Pick<Row, Column>;
}
