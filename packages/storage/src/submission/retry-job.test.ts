import {
  COMMIT_TASK_INDEX,
  DEFAULT_JOB_POLICY,
  encodeFrame,
  JobState,
  TaskOutcome,
  toId,
} from '@spider/core';
import type { JobId, ResourceGroupId, TimestampMs } from '@spider/core';
import { SeededRng } from '@spider/runtime';
import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { LongWork } from '../long-work.ts';
import { JobCache } from '../cache/job-cache.ts';
import type { JobStatus } from '../cache/job-status.ts';
import { BlobKind } from '../db/job-store.ts';
import { DEFAULT_JOB_LIMITS } from '../machine/job-limits.ts';
import type { JournalRow, NewJob } from '../db/job-store.ts';
import { NO_METADATA } from '../job-metadata.ts';
import { encodeJournalRecords } from '../journal/journal-record.ts';
import type { JournalEffect } from '../machine/job-effect.ts';
import { encoded, flat } from '../testing/graphs.ts';
import { retryJob } from './retry-job.ts';

const OLD: JobStatus = {
  id: toId<JobId>(7),
  resourceGroupId: toId<ResourceGroupId>(1),
  state: JobState.Failed,
  totalTasks: 4,
  succeededTasks: 3,
  flushedTasks: 3,
  failedTasks: 1,
  skippedTasks: 0,
  runningTasks: 0,
  readyTasks: 0,
  failedAttempts: 1,
  errorMessage: 'no',
  endReason: undefined,
  submittedAt: 1 as TimestampMs,
  startedAt: 1 as TimestampMs,
  endedAt: 1 as TimestampMs,
  metadata: NO_METADATA,
  policy: DEFAULT_JOB_POLICY,
  retryOf: undefined,
};

/** A row with one success. */
function row(sequence: number, task: number): JournalRow {
  const payloads = encodeFrame([Uint8Array.of(task)]);
  const attempts = {
    executionManager: 1,
    taskIndices: [task],
    instanceBase: 1,
    instanceOffsets: [task],
    outcomes: [TaskOutcome.Succeeded],
    payloadLengths: [payloads.length],
    payloads,
    startedBaseMs: 1,
    startedOffsetsMs: [0],
    elapsedUs: [1],
  };
  const effect: JournalEffect = { type: 'journal', attempts, positions: [0], malformed: new Map() };
  return { jobId: OLD.id, sequence, records: encodeJournalRecords(effect) };
}

/** Retries a job with this journal. Answers what was to be taken over. */
async function retry(
  rows: readonly JournalRow[],
  blobs: Partial<Record<BlobKind, Uint8Array>> = {
    [BlobKind.Graph]: encoded(flat(4)),
    [BlobKind.Inputs]: encodeFrame([new Uint8Array(1)]),
  },
) {
  const clock = new ManualClock();
  const submitted: NewJob[] = [];
  await retryJob(
    OLD,
    { start: true, idempotencyKey: '' },
    {
      clock,
      work: new LongWork(clock),
      store: {
        findJobByKey: async () => undefined,
        readBlob: async (_, kind) => blobs[kind],
        readJournal: async (_, after, limit) =>
          rows.filter(({ sequence }) => sequence > after).slice(0, limit),
      },
      journal: {
        flush: async () => undefined,
        async submit(job) {
          submitted.push(job);
          const { resourceGroupId, state } = job;
          // More than the submission is not looked at here.
          return { kind: 'job', job: { id: OLD.id, resourceGroupId, state, existed: true } };
        },
      },
      cache: new JobCache({ clock, retentionMs: 1 }),
      runner: { enter: () => undefined },
      rng: new SeededRng(1),
      rules: { limitedKinds: new Set(), limits: DEFAULT_JOB_LIMITS },
    },
  );
  return submitted[0]?.retry;
}

test('successes of regular tasks are taken over, page by page', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => row(i + 1, i < 4 ? i : COMMIT_TASK_INDEX));
  expect(await retry(rows)).toMatchObject({ retryOf: 7n, succeededTasks: 4 });
});

test('of a journal with a row missing only what comes before it is taken over', async () => {
  expect(await retry([row(1, 0), row(2, 1), row(4, 2), row(5, 3)])).toMatchObject({
    succeededTasks: 2,
  });
});

test('a job that is half deleted is refused', async () => {
  await expect(retry([row(2, 1)])).rejects.toThrow('job 7 is being deleted');
  await expect(retry([], {})).rejects.toThrow('job 7 is being deleted');
});
