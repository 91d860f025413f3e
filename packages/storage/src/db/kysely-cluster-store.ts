import type { ExecutionManagerId, SchedulerId, TimestampMs } from '@spider/core';
import { deleteEndedExecutionManagers, deleteOldSessions } from './delete-peers.ts';
import type { DeletedExecutionManagers } from './delete-peers.ts';
import type {
  ClusterStore,
  NewExecutionManager,
  StoredExecutionManager,
  StoredScheduler,
} from './job-store.ts';
import { ROW_ID_MAX } from './row-id.ts';
import { insertedId } from './session-database.ts';
import type { SessionDatabase } from './session-database.ts';

const TASK_INSTANCES_PER_BLOCK = 2 ** 32;

/** Block numbers from which on instance ids would not be safe integers any more. */
const BLOCK_MAX = 2 ** 21 - 1;

export class KyselyClusterStore implements ClusterStore {
  readonly #database: SessionDatabase;

  constructor(database: SessionDatabase) {
    this.#database = database;
  }

  async reserveTaskInstances(): Promise<number> {
    const inserted = await this.#database.write((transaction) =>
      transaction
        .insertInto('task_instance_blocks')
        .values({ session_id: this.#database.sessionId })
        .executeTakeFirstOrThrow(),
    );
    const block = Number(insertedId(inserted));
    if (block > BLOCK_MAX) throw new Error('the task instance ids of this database are used up');
    return block * TASK_INSTANCES_PER_BLOCK;
  }

  async registerExecutionManager(
    { host, slots, hasStream, version }: NewExecutionManager,
    at: TimestampMs,
  ): Promise<ExecutionManagerId> {
    const inserted = await this.#database.write((transaction) =>
      transaction
        .insertInto('execution_managers')
        .values({ host, slots, has_stream: hasStream ? 1 : 0, version, registered_at: at })
        .executeTakeFirstOrThrow(),
    );
    return insertedId(inserted) as ExecutionManagerId;
  }

  async findExecutionManager(id: ExecutionManagerId): Promise<StoredExecutionManager | undefined> {
    if (id > ROW_ID_MAX) return undefined;
    const row = await this.#database.read((database) =>
      database
        .selectFrom('execution_managers')
        .select(EXECUTION_MANAGER_COLUMNS)
        .where('id', '=', id)
        .executeTakeFirst(),
    );
    return row === undefined ? undefined : toStoredExecutionManager(row);
  }

  async listExecutionManagers(): Promise<readonly StoredExecutionManager[]> {
    const rows = await this.#database.read((database) =>
      database
        .selectFrom('execution_managers')
        .select(EXECUTION_MANAGER_COLUMNS)
        .where('ended_at', 'is', null)
        .orderBy('id')
        .execute(),
    );
    return rows.map(toStoredExecutionManager);
  }

  async pageExecutionManagers(
    before: ExecutionManagerId,
    limit: number,
  ): Promise<readonly StoredExecutionManager[]> {
    const rows = await this.#database.read((database) =>
      database
        .selectFrom('execution_managers')
        .select(EXECUTION_MANAGER_COLUMNS)
        .where('id', '<', before > ROW_ID_MAX ? ROW_ID_MAX : before)
        .orderBy('id', 'desc')
        .limit(limit)
        .execute(),
    );
    return rows.map(toStoredExecutionManager);
  }

  async requestDrain(id: ExecutionManagerId, at: TimestampMs): Promise<void> {
    await this.#database.write((transaction) =>
      transaction
        .updateTable('execution_managers')
        .set({ drain_requested_at: at })
        .where('id', '=', id)
        .where('drain_requested_at', 'is', null)
        .where('ended_at', 'is', null)
        .execute(),
    );
  }

  async endExecutionManager(
    id: ExecutionManagerId,
    at: TimestampMs,
    reason: string,
  ): Promise<void> {
    await this.#database.write((transaction) =>
      transaction
        .updateTable('execution_managers')
        .set({ ended_at: at, end_reason: reason })
        .where('id', '=', id)
        .where('ended_at', 'is', null)
        .execute(),
    );
  }

  deleteEndedExecutionManagers(
    before: TimestampMs,
    limit: number,
  ): Promise<DeletedExecutionManagers> {
    return deleteEndedExecutionManagers(this.#database, before, limit);
  }

  deleteOldSessions(before: TimestampMs, limit: number): Promise<number> {
    return deleteOldSessions(this.#database, before, limit);
  }

  async registerScheduler(host: string, port: number, at: TimestampMs): Promise<SchedulerId> {
    const inserted = await this.#database.write(async (transaction) => {
      await transaction.deleteFrom('schedulers').execute();
      return await transaction
        .insertInto('schedulers')
        .values({ host, port, registered_at: at })
        .executeTakeFirstOrThrow();
    });
    return insertedId(inserted) as SchedulerId;
  }

  async listSchedulers(): Promise<readonly StoredScheduler[]> {
    const rows = await this.#database.read((database) =>
      database
        .selectFrom('schedulers')
        .select(['id', 'host', 'port', 'registered_at'])
        .orderBy('id')
        .execute(),
    );
    return rows.map((row) => ({
      id: row.id as SchedulerId,
      host: row.host,
      port: Number(row.port),
      registeredAt: Number(row.registered_at) as TimestampMs,
    }));
  }
}

const EXECUTION_MANAGER_COLUMNS = [
  'id',
  'host',
  'slots',
  'has_stream',
  'version',
  'registered_at',
  'drain_requested_at',
  'ended_at',
  'end_reason',
] as const;

interface ExecutionManagerRow {
  readonly id: bigint;
  readonly host: string;
  readonly slots: number | bigint;
  readonly has_stream: number | bigint;
  readonly version: string | null;
  readonly registered_at: bigint;
  readonly drain_requested_at: bigint | null;
  readonly ended_at: bigint | null;
  readonly end_reason: string | null;
}

const toStoredExecutionManager = (row: ExecutionManagerRow): StoredExecutionManager => ({
  id: row.id as ExecutionManagerId,
  host: row.host,
  slots: Number(row.slots),
  hasStream: Number(row.has_stream) === 1,
  version: row.version ?? '',
  registeredAt: Number(row.registered_at) as TimestampMs,
  drainRequestedAt: toTime(row.drain_requested_at),
  endedAt: toTime(row.ended_at),
  endReason: row.end_reason ?? undefined,
});

const toTime = (value: bigint | null): TimestampMs | undefined =>
  value === null ? undefined : (Number(value) as TimestampMs);
