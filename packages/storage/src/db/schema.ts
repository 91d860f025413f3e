import type { ColumnType, GeneratedAlways } from 'kysely';

/**
 * The tables, in the dialect that SQLite and MySQL share. Ids and times are 64-bit integers and
 * arrive as bigint; small integers arrive as number or bigint, depending on the engine.
 */
export interface Schema {
  sessions: SessionTable;
  active_session: ActiveSessionTable;
  writer_lease: WriterLeaseTable;
  task_instance_blocks: TaskInstanceBlockTable;
  resource_groups: ResourceGroupTable;
  jobs: JobTable;
  job_labels: JobLabelTable;
  job_blobs: JobBlobTable;
  journal: JournalTable;
  execution_managers: ExecutionManagerTable;
  schedulers: SchedulerTable;
  token_keys: TokenKeyTable;
}

type SmallInteger = ColumnType<number | bigint, number, number>;
type BigInteger = ColumnType<bigint, bigint | number, bigint | number>;
type OptionalBigInteger = ColumnType<
  bigint | null,
  bigint | number | null | undefined,
  bigint | number | null
>;

/** One row for each start of storage; its id is the session. */
export interface SessionTable {
  id: GeneratedAlways<bigint>;
  opened_at: BigInteger;
}

/** One row: the session that may write. Locked by every write, so that a newer one fences it off. */
export interface ActiveSessionTable {
  id: SmallInteger;
  session_id: BigInteger;
}

/** One row: until when the active session may count on being the only one. */
export interface WriterLeaseTable {
  id: SmallInteger;
  session_id: BigInteger;
  holder: string;
  expires_at: BigInteger;
}

/** A row reserves 2^32 task instance ids for ever. */
export interface TaskInstanceBlockTable {
  id: GeneratedAlways<bigint>;
  session_id: BigInteger;
}

export interface ResourceGroupTable {
  id: GeneratedAlways<bigint>;
  external_id: string;
  /** Null for a group that nobody can log in to. */
  password_hash: ColumnType<string | null, string | null | undefined, string | null>;
}

export interface JobTable {
  id: GeneratedAlways<bigint>;
  resource_group_id: BigInteger;
  /** Null for none; several nulls do not collide. */
  idempotency_key: string | null;
  state: SmallInteger;
  task_count: SmallInteger;
  succeeded_tasks: ColumnType<number | bigint, number | undefined, number>;
  failed_attempts: ColumnType<number | bigint, number | undefined, number>;
  error_message: ColumnType<string | null, string | null | undefined, string | null>;
  submitted_at: BigInteger;
  started_at: OptionalBigInteger;
  ended_at: OptionalBigInteger;
  name: ColumnType<string, string | undefined, string>;
  /** A JSON object of strings; null for none. */
  labels: ColumnType<string | null, string | null | undefined, string | null>;
  priority: ColumnType<number | bigint, number | undefined, number>;
  /** The job that this one was submitted to retry, even when it is deleted; null for none. */
  retry_of_job_id: OptionalBigInteger;
  /** Its policy; see `policyColumns`. */
  durability: ColumnType<number | bigint | null, number | null | undefined, never>;
  failure_policy: ColumnType<number | bigint, number | undefined, never>;
  cleanup_after_failure: ColumnType<number | bigint, number | undefined, never>;
  deadline_ms: OptionalBigInteger;
  deadline_at: OptionalBigInteger;
  failed_tasks: ColumnType<number | bigint, number | undefined, number>;
  skipped_tasks: ColumnType<number | bigint, number | undefined, number>;
  /** Why it was ended before its tasks had; null for most. */
  end_reason: ColumnType<string | null, string | null | undefined, string | null>;
  /** A JSON object of strings; null for none. */
  requires: ColumnType<string | null, string | null | undefined, string | null>;
  /** 0 for any number. */
  max_concurrency: ColumnType<number | bigint, number | undefined, number>;
}

/** The labels of jobs once more, to find jobs by them. */
export interface JobLabelTable {
  job_id: BigInteger;
  label_key: string | Uint8Array;
  label_value: string | Uint8Array;
}

/** Large values, cut into rows. */
export interface JobBlobTable {
  job_id: BigInteger;
  kind: SmallInteger;
  part: SmallInteger;
  data: Uint8Array;
}

/** Finished attempts in the order in which they took effect; many records a row. */
export interface JournalTable {
  job_id: BigInteger;
  sequence: BigInteger;
  records: Uint8Array;
}

export interface ExecutionManagerTable {
  id: GeneratedAlways<bigint>;
  host: string;
  slots: SmallInteger;
  /** 0 for one of the reference, which sends heartbeats instead; else 1. */
  has_stream: SmallInteger;
  registered_at: BigInteger;
  /** Null for one of the reference. */
  version: ColumnType<string | null, string | null | undefined, string | null>;
  /** When it was first asked to end; null if it was not. */
  drain_requested_at: OptionalBigInteger;
  /** When it said goodbye or was found lost; null while it lives. */
  ended_at: OptionalBigInteger;
  /** For people to read; null while it lives. */
  end_reason: ColumnType<string | null, string | null | undefined, string | null>;
}

export interface SchedulerTable {
  id: GeneratedAlways<bigint>;
  host: string;
  port: SmallInteger;
  registered_at: BigInteger;
}

/** What the tokens of logins are signed with. */
export interface TokenKeyTable {
  id: GeneratedAlways<bigint>;
  secret: Uint8Array;
  created_at: BigInteger;
}
