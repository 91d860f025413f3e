import {
  decodeSerializedOutputs,
  decodeTaskGraph,
  JobState,
  SpiderError,
  toId,
} from '@spider/core';
import type { JobId, Zstd } from '@spider/core';
import type { Clock, Logger } from '@spider/runtime';
import { Job } from '../cache/job.ts';
import type { JobCache } from '../cache/job-cache.ts';
import { BlobKind } from '../db/job-store.ts';
import type { JobStore, StoredJob } from '../db/job-store.ts';
import type { EffectRunner } from '../effect-runner.ts';
import type { OutputMemory } from '../memory/output-memory.ts';
import { JournalDecoder } from '../journal/journal-record.ts';
import { JobMachine } from '../machine/job-machine.ts';

/** Jobs, and rows of a journal, that are read at once. */
const JOBS_PER_PAGE = 64;
const ROWS_PER_PAGE = 8;

export interface RecoveryOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly zstd: Zstd;
  readonly store: JobStore;
  readonly cache: JobCache;
  readonly runner: EffectRunner;
  readonly memory: OutputMemory;
  /** Kinds of tasks of which only so many may be out at a time, as package/function. */
  readonly limitedKinds: ReadonlySet<string>;
}

/**
 * Brings the jobs that have not ended back into memory, each as far as its journal says it had come.
 * A job that cannot be read back fails, it alone and with the reason. Answers the jobs that may have
 * ready tasks; nothing of them is in the queue yet.
 *
 * @throws Error if the database cannot be read; SupersededError.
 */
export async function recoverJobs(options: RecoveryOptions): Promise<readonly Job[]> {
  const { store, logger } = options;
  const recovered: Job[] = [];
  let failed = 0;
  for (let after = toId<JobId>(0); ;) {
    const page = await store.listUnfinishedJobs(after, JOBS_PER_PAGE);
    for (const stored of page) {
      const job = await recoverJob(stored, options);
      if (job === undefined) failed += 1;
      else recovered.push(job);
      after = stored.id;
    }
    if (page.length < JOBS_PER_PAGE) break;
  }
  if (recovered.length + failed > 0) {
    logger.info('unfinished jobs were found', { recovered: recovered.length, failed });
  }
  return recovered;
}

async function recoverJob(stored: StoredJob, options: RecoveryOptions): Promise<Job | undefined> {
  const { cache, logger } = options;
  let job: Job | undefined;
  try {
    job = await readJob(stored, options);
    job.isSettling = true;
    cache.add(job);
    const isEmpty = stored.state === JobState.Ready && stored.retryOf === undefined;
    if (!isEmpty) await replayJournal(job, options);
    return job;
  } catch (error) {
    // The database is away, or this process has no business with it: that is no fault of the job.
    if (!(error instanceof SpiderError) || error.code === 'unavailable') throw error;
    logger.error('a job cannot be read back and fails', { jobId: stored.id, error });
    await failJob(stored, job, error.message, options);
    return undefined;
  }
}

async function readJob(
  stored: StoredJob,
  { store, zstd, limitedKinds }: RecoveryOptions,
): Promise<Job> {
  const { id, state, resourceGroupId, submittedAt, startedAt, metadata, retryOf } = stored;
  const { endReason, errorMessage, policy } = stored;
  const graph = decodeTaskGraph(await readBlob(store, id, BlobKind.Graph));
  const inputs = await readBlob(store, id, BlobKind.Inputs);
  const outputs =
    state === JobState.CommitReady
      ? decodeSerializedOutputs(await readBlob(store, id, BlobKind.Outputs), zstd)
      : undefined;
  const machine = new JobMachine({
    name: `job ${id}`,
    graph,
    inputs,
    state,
    policy,
    limitedKinds,
    ...(outputs && { outputs }),
    ...(errorMessage !== undefined && { failure: errorMessage }),
  });
  return new Job({
    id,
    resourceGroupId,
    machine,
    submittedAt,
    startedAt,
    metadata,
    policy,
    retryOf,
    endReason,
    errorMessage,
  });
}

async function readBlob(store: JobStore, id: JobId, kind: BlobKind): Promise<Uint8Array> {
  const blob = await store.readBlob(id, kind);
  if (blob !== undefined) return blob;
  const names = {
    [BlobKind.Graph]: 'graph',
    [BlobKind.Inputs]: 'inputs',
    [BlobKind.Outputs]: 'outputs',
  };
  throw new SpiderError('internal', `job ${id} lacks its ${names[kind]} in the database`);
}

async function replayJournal(job: Job, options: RecoveryOptions): Promise<void> {
  const { store, runner, clock, memory } = options;
  const decoder = new JournalDecoder();
  for (let after = 0; ;) {
    const rows = await store.readJournal(job.id, after, ROWS_PER_PAGE);
    for (const { sequence, records } of rows) {
      after = sequence;
      for (const attempts of decoder.push(records)) {
        runner.handle(job, { type: 'replay', at: clock.now(), ...attempts });
      }
      // What a row begins with can be read only from where it began.
      if (decoder.isAtEnd) runner.note(job, { type: 'journaled', effects: 0, row: sequence });
    }
    job.journal.resumeAfter(after);
    memory.count(job);
    memory.check();
    if (rows.length < ROWS_PER_PAGE) break;
  }
  decoder.end();
}

async function failJob(
  stored: StoredJob,
  job: Job | undefined,
  reason: string,
  { store, runner, clock }: RecoveryOptions,
): Promise<void> {
  const message = `the job could not be read back after a start of storage: ${reason}`;
  if (job !== undefined) {
    runner.fail(job, message);
    return;
  }
  const { id: jobId, state: from, succeededTasks, failedTasks, skippedTasks } = stored;
  await store.commit({
    submissions: [],
    journal: [],
    changes: [
      {
        jobId,
        from,
        to: JobState.Failed,
        at: clock.now(),
        succeededTasks,
        failedTasks,
        skippedTasks,
        failedAttempts: stored.failedAttempts,
        errorMessage: message,
        deleteJournal: false,
      },
    ],
  });
}
