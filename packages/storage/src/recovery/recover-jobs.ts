import {
  decodeSerializedOutputs,
  decodeTaskGraph,
  JobState,
  SpiderError,
  toId,
} from '@spider/core';
import type { JobId, TimestampMs, Zstd } from '@spider/core';
import { retry } from '@spider/runtime';
import type { Clock, Logger, Rng } from '@spider/runtime';
import { storedJobStatus } from '../cache/job-status.ts';
import { Job } from '../cache/job.ts';
import type { JobCache } from '../cache/job-cache.ts';
import { BlobKind } from '../db/job-store.ts';
import type { JobStateChange, JobStore, StoredJob } from '../db/job-store.ts';
import { isTransient } from '../db/store-error.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import type { OutputMemory } from '../memory/output-memory.ts';
import { JournalDecoder } from '../journal/journal-record.ts';
import type { JobRules } from '../job-rules.ts';
import { JobMachine } from '../machine/job-machine.ts';

/** Jobs, and rows of a journal, that are read at once. */
const JOBS_PER_PAGE = 64;
const ROWS_PER_PAGE = 8;

export interface RecoveryOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly zstd: Zstd;
  readonly store: JobStore;
  readonly cache: JobCache;
  readonly runner: EffectRunner;
  readonly memory: OutputMemory;
  readonly rules: JobRules;
}

/**
 * Brings the jobs that have not ended back into memory, each as far as its journal says it had come.
 * A job that cannot be read back fails, it alone and with the reason. Answers the jobs that may have
 * ready tasks; nothing of them is in the queue yet. A database that is away is asked again for a while.
 *
 * @throws Error if the database cannot be read; SupersededError.
 */
export async function recoverJobs(options: RecoveryOptions): Promise<readonly Job[]> {
  const { store, logger } = options;
  const recovered: Job[] = [];
  let failed = 0;
  for (let after = toId<JobId>(0); ;) {
    const page = await patiently(options, () => store.listUnfinishedJobs(after, JOBS_PER_PAGE));
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
    // A job without a journal has at least what was counted at its last change of state.
    job.tasksFlushed(stored.succeededTasks);
    job.isSettling = true;
    cache.add(job);
    const isEmpty = stored.state === JobState.Ready && stored.retryOf === undefined;
    if (!isEmpty) await replayJournal(job, options);
    const { quarantine } = job.machine;
    if (quarantine !== undefined) throw new SpiderError('internal', quarantine);
    return job;
  } catch (error) {
    // The database is away, or this process has no business with it: that is no fault of the job.
    if (!(error instanceof SpiderError) || error.code === 'unavailable') throw error;
    logger.error('a job cannot be read back and fails', { jobId: stored.id, error });
    await failJob(stored, job, error.message, options);
    return undefined;
  }
}

/** Waits for a database that is away. */
const patiently = <T>(
  { clock, rng, logger }: RecoveryOptions,
  operation: () => Promise<T>,
): Promise<T> =>
  retry(operation, {
    clock,
    rng,
    isRetryable: isTransient,
    onRetry: (error, delayMs) => logger.warn('recovery waits for the database', { delayMs, error }),
  });

/** Whatever goes wrong here is the fault of the bytes. */
function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof SpiderError) throw error;
    throw new SpiderError('internal', `${what} cannot be decoded: ${String(error)}`, {
      cause: error,
    });
  }
}

async function readJob(stored: StoredJob, options: RecoveryOptions): Promise<Job> {
  const { id, state, resourceGroupId, submittedAt, startedAt, metadata, retryOf } = stored;
  const { endReason, errorMessage, policy, isDamaged } = stored;
  if (isDamaged) throw new SpiderError('internal', 'its labels, or what it requires, are no JSON');
  const graph = await readBlob(options, id, BlobKind.Graph);
  const inputs = await readBlob(options, id, BlobKind.Inputs);
  const serialized =
    state === JobState.CommitReady ? await readBlob(options, id, BlobKind.Outputs) : undefined;
  const machine = decoding('its graph, its inputs or its outputs', () => {
    const outputs = serialized && decodeSerializedOutputs(serialized, options.zstd);
    return new JobMachine({
      name: `job ${id}`,
      graph: decodeTaskGraph(graph),
      inputs,
      state,
      policy,
      ...options.rules,
      ...(outputs && { outputs }),
      ...(errorMessage !== undefined && { failure: errorMessage }),
    });
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

async function readBlob(options: RecoveryOptions, id: JobId, kind: BlobKind): Promise<Uint8Array> {
  const blob = await patiently(options, () => options.store.readBlob(id, kind));
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
    const rows = await patiently(options, () => store.readJournal(job.id, after, ROWS_PER_PAGE));
    for (const { sequence, records } of rows) {
      if (sequence !== after + 1) {
        throw new SpiderError('internal', `row ${after + 1} of its journal is missing`);
      }
      after = sequence;
      for (const attempts of decoding('its journal', () => decoder.push(records))) {
        runner.handle(job, { type: 'replay', at: clock.now(), ...attempts });
      }
      // What a row begins with can be read only from where it began.
      if (decoder.isAtEnd) runner.note(job, { type: 'journaled', effects: 0, row: sequence });
    }
    const { succeededTasks } = job.machine.progress();
    job.journal.resumeAfter(after, succeededTasks);
    job.tasksFlushed(succeededTasks);
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
  options: RecoveryOptions,
): Promise<void> {
  const { store, cache, memory, runner, clock } = options;
  const message = `the job could not be read back after a start of storage: ${reason}`;
  // The machine of one that was not started has no way to fail.
  if (job !== undefined && stored.state !== JobState.Ready) {
    runner.fail(job, message);
    return;
  }
  const at = clock.now();
  const change = failureOf(stored, message, at);
  await patiently(options, () => store.commit({ submissions: [], journal: [], changes: [change] }));
  if (job === undefined) return;
  job.isBroken = true;
  memory.forget(job);
  cache.retire(job, {
    ...storedJobStatus(stored),
    state: JobState.Failed,
    errorMessage: message,
    endedAt: at,
  });
}

const failureOf = (
  { id, state, succeededTasks, failedTasks, skippedTasks, failedAttempts }: StoredJob,
  errorMessage: string,
  at: TimestampMs,
): JobStateChange => ({
  jobId: id,
  from: state,
  to: JobState.Failed,
  at,
  succeededTasks,
  failedTasks,
  skippedTasks,
  failedAttempts,
  errorMessage,
  deleteJournal: false,
});
