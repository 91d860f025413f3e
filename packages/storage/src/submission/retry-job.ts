import {
  decodeTaskGraphInSteps,
  failedPrecondition,
  JobState,
  LIMITS,
  TaskOutcome,
} from '@spider/core';
import type { JobId } from '@spider/core';
import { describeState } from '../cache/job-status.ts';
import type { JobStatus } from '../cache/job-status.ts';
import { BlobKind } from '../db/job-store.ts';
import type { JobStore, NewRetry } from '../db/job-store.ts';
import { cutIntoRows } from '../journal/job-journal.ts';
import { encodeJournalRecords, JournalDecoder } from '../journal/journal-record.ts';
import type { Journal } from '../journal/journal.ts';
import type { AttemptColumns } from '../machine/job-event.ts';
import { checkText } from '../rpc/check.ts';
import { enterJob } from './submit-job.ts';
import type { EnterOptions, SubmittedJob } from './submit-job.ts';

/** Rows of the old job's journal that are read at once. */
const ROWS_PER_PAGE = 16;

export interface RetryRequest {
  /** Also start the new job. */
  readonly start: boolean;
  /** Empty for none. */
  readonly idempotencyKey: string;
}

export interface RetryOptions extends EnterOptions {
  readonly store: Pick<JobStore, 'readBlob' | 'readJournal'>;
  readonly journal: Pick<Journal, 'submit' | 'flush'>;
}

/**
 * Submits a job anew that has failed. The tasks that have succeeded in the old one, as far as its
 * journal tells, have succeeded in the new one from the start. The old one stays as it is; it must not
 * be deleted meanwhile.
 *
 * @throws SpiderError 'failed-precondition' if the job is in another state, or half deleted; 'internal'
 * if its journal is corrupt.
 */
export async function retryJob(
  old: JobStatus,
  { start, idempotencyKey }: RetryRequest,
  options: RetryOptions,
): Promise<SubmittedJob> {
  checkText('idempotency_key', idempotencyKey, LIMITS.idempotencyKeyBytes);
  if (old.state !== JobState.Failed && old.state !== JobState.Cancelled) {
    throw failedPrecondition(`${describeState(old)}; only a job that has failed can be retried`);
  }
  const { clock, store, journal } = options;
  await journal.flush();
  const retry = await readSuccesses(old, store);
  const graphBytes = await readBlob(store, old.id, BlobKind.Graph);
  const graph = await options.work.run(decodeTaskGraphInSteps(graphBytes));
  return await enterJob(
    {
      resourceGroupId: old.resourceGroupId,
      state: start ? JobState.Running : JobState.Ready,
      inputs: await readBlob(store, old.id, BlobKind.Inputs),
      submittedAt: clock.now(),
      metadata: old.metadata,
      policy: { ...old.policy, deadlineAt: undefined },
      idempotencyKey: idempotencyKey === '' ? undefined : idempotencyKey,
      taskCount: graph.taskCount,
      graph: graphBytes,
      retry,
    },
    graph,
    options,
  );
}

/**
 * Reads the successes of regular tasks. A row may be missing of a job that failed because its journal
 * could not be written: what comes before it is true, and is enough.
 */
async function readSuccesses(
  { id, state, totalTasks }: JobStatus,
  store: RetryOptions['store'],
): Promise<NewRetry> {
  const decoder = new JournalDecoder();
  const records: Uint8Array[] = [];
  let succeededTasks = 0;
  let after = 0;
  for (let isWhole = true; isWhole;) {
    const rows = await store.readJournal(id, after, ROWS_PER_PAGE);
    for (const row of rows) {
      isWhole &&= row.sequence === after + 1;
      if (!isWhole) break;
      after = row.sequence;
      for (const attempts of decoder.push(row.records)) {
        const positions = successesIn(attempts, totalTasks);
        if (positions.length === 0) continue;
        succeededTasks += positions.length;
        records.push(
          encodeJournalRecords({ type: 'journal', attempts, positions, malformed: new Map() }),
        );
      }
    }
    if (after === 0 && !isWhole) throw beingDeleted(id);
    if (rows.length < ROWS_PER_PAGE) break;
  }
  if (after === 0 && state === JobState.Cancelled) {
    const reason = 'what it had finished is not known any more; submit it anew';
    throw failedPrecondition(`${describeState({ id, state })}; ${reason}`);
  }
  return { retryOf: id, journal: cutIntoRows(records), succeededTasks };
}

function successesIn({ taskIndices, outcomes }: AttemptColumns, taskCount: number): number[] {
  const positions: number[] = [];
  for (let i = 0; i < taskIndices.length; i++) {
    const isRegular = (taskIndices[i] as number) < taskCount;
    if (isRegular && outcomes[i] === TaskOutcome.Succeeded) positions.push(i);
  }
  return positions;
}

async function readBlob(
  store: RetryOptions['store'],
  id: JobId,
  kind: BlobKind,
): Promise<Uint8Array> {
  const blob = await store.readBlob(id, kind);
  if (blob === undefined) throw beingDeleted(id);
  return blob;
}

const beingDeleted = (id: JobId): Error => failedPrecondition(`job ${id} is being deleted`);
