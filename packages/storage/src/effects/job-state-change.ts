import { encodeSerializedOutputs, JobState, LIMITS } from '@spider/core';
import type { TimestampMs, Zstd } from '@spider/core';
import type { Job } from '../cache/job.ts';
import type { JobStateChange } from '../db/job-store.ts';
import type { PersistEffect } from '../machine/job-effect.ts';

/** What a machine asks to have made durable, as the database takes it. */
export function toStateChange(
  job: Job,
  { from, to, at, outputs, message, endReason }: PersistEffect,
  zstd: Zstd,
): JobStateChange {
  return {
    jobId: job.id,
    from,
    to,
    at,
    ...countsOf(job),
    outputs: outputs && serializeOutputs(outputs, zstd),
    errorMessage: message,
    endReason,
    deleteJournal: to === JobState.Succeeded || to === JobState.Cancelled,
  };
}

/** Fails a job whose machine cannot say so itself any more. */
export const toFailure = (
  job: Job,
  from: JobState,
  errorMessage: string,
  at: TimestampMs,
): JobStateChange => ({
  jobId: job.id,
  from,
  to: JobState.Failed,
  at,
  ...countsOf(job),
  errorMessage,
  deleteJournal: false,
});

function countsOf({ machine }: Job) {
  const { succeededTasks, failedTasks, skippedTasks, failedAttempts } = machine.progress();
  return { succeededTasks, failedTasks, skippedTasks, failedAttempts };
}

function serializeOutputs(frame: Uint8Array, zstd: Zstd): Uint8Array {
  // Readers refuse to decompress more than their limit.
  if (frame.length > LIMITS.decompressedBytes) return plainOutputs(frame);
  return encodeSerializedOutputs(frame, zstd);
}

function plainOutputs(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frame.length + 1);
  bytes.set(frame, 1);
  return bytes;
}
