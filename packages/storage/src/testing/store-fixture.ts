import { JobState, toId } from '@spider/core';
import type { JobId, ResourceGroupId, TimestampMs } from '@spider/core';
import type {
  CommitBatch,
  CommitResult,
  InsertedJob,
  JobStateChange,
  JobStore,
  NewExecutionManager,
  NewJob,
  Store,
} from '../db/job-store.ts';

/** Opens sessions on one and the same database, empty at first. */
export type WithDatabase = (run: (open: () => Promise<Store>) => Promise<void>) => Promise<void>;

/** Makes tests that have a session. */
export const storeRunner =
  (withDatabase: WithDatabase) =>
  (run: (store: Store, open: () => Promise<Store>) => Promise<void>) =>
  (): Promise<void> =>
    withDatabase(async (open) => {
      await using store = await open();
      await run(store, open);
    });

export const at = (ms: number): TimestampMs => ms as TimestampMs;
export const group = (id: number): ResourceGroupId => toId<ResourceGroupId>(id);
export const job = (id: number): JobId => toId<JobId>(id);
export const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
export const plain = (value: Uint8Array | undefined): number[] | undefined => value && [...value];

export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a value is missing');
  return value;
}

export const newJob = (change: Partial<NewJob> = {}): NewJob => ({
  resourceGroupId: group(0),
  idempotencyKey: undefined,
  state: JobState.Ready,
  taskCount: 3,
  graph: bytes(1, 2),
  inputs: bytes(3),
  submittedAt: at(1000),
  ...change,
});

export const change = (
  jobId: JobId,
  from: JobState,
  to: JobState,
  more: Partial<JobStateChange> = {},
) => ({
  jobId,
  from,
  to,
  at: at(2000),
  succeededTasks: 0,
  failedTasks: 0,
  skippedTasks: 0,
  failedAttempts: 0,
  deleteJournal: false,
  ...more,
});

export const streaming = (host: string, slots: number): NewExecutionManager => ({
  host,
  slots,
  hasStream: true,
  version: '1.2.3',
});

export const commit = (jobs: JobStore, batch: Partial<CommitBatch>): Promise<CommitResult> =>
  jobs.commit({ submissions: [], journal: [], changes: [], ...batch });

export async function insert(jobs: JobStore, submission: NewJob): Promise<InsertedJob> {
  const { submissions } = await commit(jobs, { submissions: [submission] });
  const result = present(submissions[0]);
  if (result.kind !== 'job') throw new Error(result.kind);
  return result.job;
}
