import { isFinalJobState, JobState } from '@spider/core';
import type { JobId, ResourceGroupId } from '@spider/core';
import { selectBlobBytes, selectBlobPart } from './blob-part.ts';
import { selectBlob } from './blob.ts';
import { deleteEndedJob } from './delete-job.ts';
import type {
  BlobKind,
  ChangeResult,
  CommitBatch,
  CommitResult,
  InsertedJob,
  JobStore,
  JournalRow,
  StoredJob,
  SubmissionResult,
} from './job-store.ts';
import type { JobFilter } from './job-store.ts';
import { selectOldestJobs } from './job-ages.ts';
import type { JobAge } from './job-ages.ts';
import { selectJobs } from './job-list.ts';
import { JOB_COLUMNS, toStoredJob } from './job-row.ts';
import {
  changeState,
  findByIdempotencyKey,
  findResourceGroup,
  insertJob,
  insertJournal,
} from './job-writes.ts';
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
      const { engine } = this.#database;
      for (const job of batch.submissions) {
        submissions.push(await insertJob(transaction, job, engine));
      }
      await insertJournal(transaction, batch.journal, engine);
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

  async findJobByKey(
    resourceGroupId: ResourceGroupId,
    key: string,
  ): Promise<InsertedJob | undefined> {
    return await this.#database.read(async (database) => {
      const group = await findResourceGroup(database, resourceGroupId);
      return group === undefined ? undefined : await findByIdempotencyKey(database, group, key);
    });
  }

  async readBlob(id: JobId, kind: BlobKind): Promise<Uint8Array | undefined> {
    if (id > ROW_ID_MAX) return undefined;
    return await this.#database.read((database) => selectBlob(database, id, kind));
  }

  async readBlobBytes(id: JobId, kind: BlobKind): Promise<number | undefined> {
    if (id > ROW_ID_MAX) return undefined;
    return await this.#database.read((database) => selectBlobBytes(database, id, kind));
  }

  async readBlobPart(id: JobId, kind: BlobKind, part: number): Promise<Uint8Array | undefined> {
    if (id > ROW_ID_MAX) return undefined;
    return await this.#database.read((database) => selectBlobPart(database, id, kind, part));
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

  async listJobs(filter: JobFilter, before: JobId, limit: number): Promise<readonly StoredJob[]> {
    const { engine } = this.#database;
    return await this.#database.read((database) =>
      selectJobs(database, engine, filter, before, limit),
    );
  }

  async listOldestJobs(state: JobState, limit: number): Promise<readonly JobAge[]> {
    return await this.#database.read((database) => selectOldestJobs(database, state, limit));
  }

  async deleteJob(id: JobId): Promise<void> {
    if (id <= ROW_ID_MAX) await deleteEndedJob(this.#database, id);
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
