import type {
  ExecutionManagerId,
  JobId,
  JobPolicy,
  JobState,
  ResourceGroupId,
  SchedulerId,
  SessionId,
  TimestampMs,
} from '@spider/core';

import type { JobMetadata } from '../job-metadata.ts';
import type { DeletedExecutionManagers } from './delete-peers.ts';
import type { JobAge } from './job-ages.ts';
import type { SupersededError } from './store-error.ts';

/** The large values of a job, numbered as in the database. */
export const BlobKind = {
  /** The columnar task graph as submitted. */
  Graph: 1,
  /** The wire frame of the job's inputs as submitted. */
  Inputs: 2,
  /** The job's outputs: option byte and wire frame. */
  Outputs: 3,
} as const;

export type BlobKind = (typeof BlobKind)[keyof typeof BlobKind];

export interface NewJob {
  readonly resourceGroupId: ResourceGroupId;
  /** Unique in the resource group. */
  readonly idempotencyKey: string | undefined;
  /** Running if it is to be started at once, Ready otherwise. */
  readonly state: JobState;
  readonly taskCount: number;
  readonly graph: Uint8Array;
  readonly inputs: Uint8Array;
  readonly submittedAt: TimestampMs;
  /** By default no name, no labels and priority 0. */
  readonly metadata?: JobMetadata | undefined;
  /** By default that of DEFAULT_JOB_POLICY. */
  readonly policy?: JobPolicy | undefined;
  readonly retry?: NewRetry | undefined;
}

/** What a job has from the one that it retries. Written with it, in the same transaction. */
export interface NewRetry {
  readonly retryOf: JobId;
  /** The rows that its journal begins with, numbered from 1, each at most LIMITS.blobRowBytes. */
  readonly journal: readonly Uint8Array[];
  /** Tasks that have succeeded by that journal. */
  readonly succeededTasks: number;
}

export interface InsertedJob {
  readonly id: JobId;
  readonly resourceGroupId: ResourceGroupId;
  /** A job with this idempotency key was there already; nothing was written. */
  readonly existed: boolean;
  readonly state: JobState;
}

/** A job without its large values. */
export interface StoredJob {
  readonly id: JobId;
  readonly resourceGroupId: ResourceGroupId;
  readonly state: JobState;
  readonly taskCount: number;
  /** Counted at the last change of state. */
  readonly succeededTasks: number;
  readonly failedTasks: number;
  readonly skippedTasks: number;
  readonly failedAttempts: number;
  readonly errorMessage: string | undefined;
  /** Why it was ended before its tasks had. */
  readonly endReason: string | undefined;
  readonly submittedAt: TimestampMs;
  readonly startedAt: TimestampMs | undefined;
  readonly endedAt: TimestampMs | undefined;
  readonly metadata: JobMetadata;
  readonly policy: JobPolicy;
  /** The job that this one was submitted to retry; it may be deleted. */
  readonly retryOf: JobId | undefined;
  /** Its labels cannot be read, or what it requires of execution managers. */
  readonly isDamaged: boolean;
}

/** Which jobs a list is to have: those that pass everything that is set. */
export interface JobFilter {
  /** 0 stands for the default group. */
  readonly resourceGroupId?: ResourceGroupId | undefined;
  /** Each at most once; none stands for all. */
  readonly states: readonly JobState[];
  readonly labels: Readonly<Record<string, string>>;
  /** Empty for any name. */
  readonly namePrefix: string;
  /** Submitted at this time or later. */
  readonly submittedFrom?: TimestampMs | undefined;
  readonly submittedBefore?: TimestampMs | undefined;
}

/** One move of a job from a state to another, with what belongs to it. */
export interface JobStateChange {
  readonly jobId: JobId;
  readonly from: JobState;
  readonly to: JobState;
  readonly at: TimestampMs;
  readonly succeededTasks: number;
  readonly failedTasks: number;
  readonly skippedTasks: number;
  readonly failedAttempts: number;
  readonly outputs?: Uint8Array | undefined;
  readonly errorMessage?: string | undefined;
  /** Stays once it is set. */
  readonly endReason?: string | undefined;
  /** The journal has served its purpose and goes. */
  readonly deleteJournal: boolean;
}

/** Some records of one job's journal, at most LIMITS.blobRowBytes. Sequences ascend within a job. */
export interface JournalRow {
  readonly jobId: JobId;
  readonly sequence: number;
  readonly records: Uint8Array;
}

/** What one transaction writes: submissions, then journal rows, then changes, each in order. */
export interface CommitBatch {
  readonly submissions: readonly NewJob[];
  readonly journal: readonly JournalRow[];
  readonly changes: readonly JobStateChange[];
}

/** How a submission went: there is such a job now, or nothing was written. */
export type SubmissionResult =
  { readonly kind: 'job'; readonly job: InsertedJob } | { readonly kind: 'no-resource-group' };

/**
 * How a state change went. Conflict: the database has the job in another state (`undefined`: does
 * not have it at all), and nothing of this change was written.
 */
export type ChangeResult =
  | { readonly kind: 'changed' }
  | { readonly kind: 'conflict'; readonly state: JobState | undefined };

/** One result for each submission and each change, in order. */
export interface CommitResult {
  readonly submissions: readonly SubmissionResult[];
  readonly changes: readonly ChangeResult[];
}

/**
 * The database as storage sees it. Every write is one transaction, and none of them succeeds once a
 * later session has been opened on the same database.
 *
 * All methods throw SupersededError in that case, and SpiderError 'unavailable' for what may pass by
 * itself (a lock, a lost connection): nothing was written then.
 */
export interface JobStore {
  commit(batch: CommitBatch): Promise<CommitResult>;
  findJob(id: JobId): Promise<StoredJob | undefined>;
  /** The job that was submitted with this key. */
  findJobByKey(resourceGroupId: ResourceGroupId, key: string): Promise<InsertedJob | undefined>;
  readBlob(id: JobId, kind: BlobKind): Promise<Uint8Array | undefined>;
  /** How many bytes `readBlob` would answer. */
  readBlobBytes(id: JobId, kind: BlobKind): Promise<number | undefined>;
  /** Bytes from `part` · LIMITS.blobRowBytes on, as many of them unless the value ends before. */
  readBlobPart(id: JobId, kind: BlobKind, part: number): Promise<Uint8Array | undefined>;
  /** Jobs in states that are not final, by ascending id, those above `after`. */
  listUnfinishedJobs(after: JobId, limit: number): Promise<readonly StoredJob[]>;
  /** Jobs by descending id, those below `before`. */
  listJobs(filter: JobFilter, before: JobId, limit: number): Promise<readonly StoredJob[]>;
  /**
   * Deletes a job that has ended, with all that belongs to it, in several transactions. A job that is
   * not there is no error.
   */
  deleteJob(id: JobId): Promise<void>;
  /** The jobs that are READY, or in a final state, for longest; the oldest first. */
  listOldestJobs(state: JobState, limit: number): Promise<readonly JobAge[]>;
  /** Rows by ascending sequence, those above `after`. */
  readJournal(id: JobId, after: number, limit: number): Promise<readonly JournalRow[]>;
}

export interface NewExecutionManager {
  readonly host: string;
  readonly slots: number;
  /** False for one of the reference, which sends heartbeats instead. */
  readonly hasStream: boolean;
  /** Empty for one of the reference. */
  readonly version: string;
}

export interface StoredExecutionManager extends NewExecutionManager {
  readonly id: ExecutionManagerId;
  readonly registeredAt: TimestampMs;
  /** Undefined unless it was asked to end. */
  readonly drainRequestedAt: TimestampMs | undefined;
  /** Both are undefined while it lives. */
  readonly endedAt: TimestampMs | undefined;
  readonly endReason: string | undefined;
}

export interface StoredScheduler {
  readonly id: SchedulerId;
  readonly host: string;
  readonly port: number;
  readonly registeredAt: TimestampMs;
}

/** The peers of storage, and its own starts. Errors as with JobStore. */
export interface ClusterStore {
  /** Ids base … base + 2^32 − 1, which nobody gets again. */
  reserveTaskInstances(): Promise<number>;
  registerExecutionManager(
    executionManager: NewExecutionManager,
    at: TimestampMs,
  ): Promise<ExecutionManagerId>;
  findExecutionManager(id: ExecutionManagerId): Promise<StoredExecutionManager | undefined>;
  /** Those that have not ended. */
  listExecutionManagers(): Promise<readonly StoredExecutionManager[]>;
  /** All, ended ones too, by descending id, those below `before`. */
  pageExecutionManagers(
    before: ExecutionManagerId,
    limit: number,
  ): Promise<readonly StoredExecutionManager[]>;
  /** It is to end. Again, or for one that has ended: no effect. */
  requestDrain(id: ExecutionManagerId, at: TimestampMs): Promise<void>;
  endExecutionManager(id: ExecutionManagerId, at: TimestampMs, reason: string): Promise<void>;
  /** Forgets some of those that ended at this time or before, the oldest first. */
  deleteEndedExecutionManagers(
    before: TimestampMs,
    limit: number,
  ): Promise<DeletedExecutionManagers>;
  /** Forgets some starts of storage before this one, opened at this time or before. Answers how many. */
  deleteOldSessions(before: TimestampMs, limit: number): Promise<number>;
  /** Takes the place of those that were registered before. */
  registerScheduler(host: string, port: number, at: TimestampMs): Promise<SchedulerId>;
  listSchedulers(): Promise<readonly StoredScheduler[]>;
}

export interface StoredResourceGroup {
  readonly id: ResourceGroupId;
  /** Undefined for a group that nobody can log in to. */
  readonly passwordHash: string | undefined;
}

/** Whose jobs there are. Errors as with JobStore. */
export interface ResourceGroupStore {
  /** Answers undefined, and changes nothing, if there is a group of this external id. */
  insert(externalId: string, passwordHash: string): Promise<ResourceGroupId | undefined>;
  find(id: ResourceGroupId): Promise<StoredResourceGroup | undefined>;
  findByExternalId(externalId: string): Promise<StoredResourceGroup | undefined>;
}

export interface StoredTokenKey {
  readonly id: number;
  readonly secret: Uint8Array;
  readonly createdAt: TimestampMs;
}

/** What the tokens of logins are signed with. Errors as with JobStore. */
export interface TokenKeyStore {
  /** By ascending id. */
  list(): Promise<readonly StoredTokenKey[]>;
  /** Enters a new key, and forgets those that were made at `useless` or before. */
  replace(
    secret: Uint8Array,
    createdAt: TimestampMs,
    useless: TimestampMs,
  ): Promise<StoredTokenKey>;
}

/** What one start of storage holds of the database. */
export interface Store extends AsyncDisposable {
  /** Larger than those of all earlier starts, which may not write any more. */
  readonly sessionId: SessionId;
  /** Resolves when a write has found that a later session has been opened. */
  readonly superseded: Promise<SupersededError>;
  readonly jobs: JobStore;
  readonly cluster: ClusterStore;
  readonly resourceGroups: ResourceGroupStore;
  readonly tokenKeys: TokenKeyStore;
}
