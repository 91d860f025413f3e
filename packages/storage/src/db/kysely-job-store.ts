import { isFinalJobState, JobState } from '@spider/core';
import type { JobId, ResourceGroupId, TimestampMs } from '@spider/core';
import { selectBlob } from './blob.ts';
import type {
  BlobKind,
  ChangeResult,
  CommitBatch,
  CommitResult,
  JobStore,
  JournalRow,
  StoredJob,
  SubmissionResult,
} from './job-store.ts';
import { changeState, insertJob, insertJournal } from './job-writes.ts';
import { ROW_ID_MAX } from './row-id.ts';
import type { SessionDatabase } from './session-database.ts';

export class KyselyJobStore implements JobStore {
  readonly #database: SessionDatabase;

  constructor(database: SessionDatabase) {
    this.#database = database;
  }

  async commit(batch: CommitBatch): Promise<CommitResult> {
    return await this.#database.write(async (transaction) => {
      const submissions: SubmissionResult[] = [];
      for (const job of batch.submissions) submissions.push(await insertJob(transaction, job));
      await insertJournal(transaction, batch.journal, this.#database.engine);
      const changes: ChangeResult[] = [];
      for (const change of batch.changes) changes.push(await changeState(transaction, change));
      return { submissions, changes };
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
