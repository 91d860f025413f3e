import {
  decodeTaskGraphInSteps,
  failedPrecondition,
  JobState,
  LIMITS,
  TaskOutcome,
} from '@spider/core';
import type { JobId, SpiderError, Steps, TimestampMs } from '@spider/core';
import { describeState } from '../cache/job-status.ts';
import type { JobStatus } from '../cache/job-status.ts';
import { BlobKind } from '../db/job-store.ts';
import type { JobStore, NewRetry } from '../db/job-store.ts';
import type { JobRules } from '../job-rules.ts';
import { cutIntoRows } from '../journal/job-journal.ts';
import { encodeJournalRecords, JournalDecoder } from '../journal/journal-record.ts';
import type { JobEffect } from '../machine/job-effect.ts';
import type { AttemptColumns } from '../machine/job-event.ts';
import { JobMachine } from '../machine/job-machine.ts';
import { checkText } from '../rpc/check.ts';
import { enterJob } from './submit-job.ts';
import type { EnterOptions, NewMachine, SubmittedJob } from './submit-job.ts';

/** Rows of the old job's journal that are read at once. */
const ROWS_PER_PAGE = 16;

export interface RetryRequest {
  /** Also start the new job. */
  readonly start: boolean;
  /** Empty for none. */
  readonly idempotencyKey: string;
}

export interface RetryOptions extends EnterOptions {
  readonly rules: JobRules;
  readonly store: Pick<JobStore, 'findJobByKey' | 'readBlob' | 'readJournal'>;
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
  if (old.state !== JobState.Failed) throw notRetriable(old);
  const { clock, work, store, journal, rules } = options;
  await journal.flush();
  const graphBytes = await readBlob(store, old.id, BlobKind.Graph);
  const inputs = await readBlob(store, old.id, BlobKind.Inputs);
  const graph = await work.run(decodeTaskGraphInSteps(graphBytes));
  const state = start ? JobState.Running : JobState.Ready;
  const policy = { ...old.policy, deadlineAt: undefined };
  const name = `the retry of job ${old.id}`;
  const machine = new JobMachine({ name, graph, inputs, policy, state, ...rules });
  const { retry, effects } = await takeOver(old, machine, options);
  const toMachine = (ownName: string): NewMachine => {
    machine.rename(ownName);
    return { machine, effects };
  };
  return await enterJob(
    {
      resourceGroupId: old.resourceGroupId,
      state,
      inputs,
      submittedAt: clock.now(),
      metadata: old.metadata,
      policy,
      idempotencyKey: idempotencyKey === '' ? undefined : idempotencyKey,
      taskCount: graph.taskCount,
      graph: graphBytes,
      retry,
    },
    toMachine,
    options,
  );
}

function notRetriable(old: JobStatus): SpiderError {
  const why =
    old.state === JobState.Cancelled
      ? 'the journal of a cancelled job is deleted, so what it had finished is not known any more: submit it anew'
      : 'only a job that has failed can be retried';
  return failedPrecondition(`${describeState(old)}; ${why}`);
}

/**
 * Reads the successes of regular tasks, and applies them to the machine of the new job; there may be
 * millions. A row may be missing of a job that failed because its journal could not be written: what
 * comes before it is true, and is enough.
 */
async function takeOver(
  { id, totalTasks }: JobStatus,
  machine: JobMachine,
  { clock, work, store }: RetryOptions,
): Promise<{ readonly retry: NewRetry; readonly effects: readonly JobEffect[] }> {
  const taken = new TakenOver(machine, totalTasks, clock.now());
  for (let after = 0, isWhole = true; isWhole;) {
    const rows = await store.readJournal(id, after, ROWS_PER_PAGE);
    for (const row of rows) {
      isWhole &&= row.sequence === after + 1;
      if (!isWhole) break;
      after = row.sequence;
      await work.run(taken.take(row.records));
    }
    if (after === 0 && !isWhole) throw beingDeleted(id);
    isWhole &&= rows.length === ROWS_PER_PAGE;
  }
  return { retry: { retryOf: id, ...taken.end() }, effects: taken.effects };
}

/** What a job has from the one that it retries. */
class TakenOver {
  readonly effects: JobEffect[] = [];
  readonly #machine: JobMachine;
  readonly #taskCount: number;
  readonly #at: TimestampMs;
  readonly #theirs = new JournalDecoder();
  readonly #ours = new JournalDecoder();
  readonly #records: Uint8Array[] = [];
  #succeededTasks = 0;

  constructor(machine: JobMachine, taskCount: number, at: TimestampMs) {
    this.#machine = machine;
    this.#taskCount = taskCount;
    this.#at = at;
  }

  *take(row: Uint8Array): Steps<void> {
    for (const attempts of this.#theirs.push(row)) {
      const positions = successesIn(attempts, this.#taskCount);
      if (positions.length === 0) continue;
      this.#succeededTasks += positions.length;
      const malformed = new Map<number, string>();
      const block = encodeJournalRecords({ type: 'journal', attempts, positions, malformed });
      this.#records.push(block);
      for (const successes of this.#ours.push(block)) {
        this.#machine.handle({ type: 'replay', at: this.#at, ...successes }, this.effects);
      }
      yield;
    }
  }

  end(): { readonly journal: readonly Uint8Array[]; readonly succeededTasks: number } {
    const journal = cutIntoRows(this.#records);
    const row = journal.length;
    if (row > 0) this.#machine.handle({ type: 'journaled', effects: 0, row }, this.effects);
    return { journal, succeededTasks: this.#succeededTasks };
  }
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
