import {
  type JobState,
  jobStateName,
  SpiderError,
  type TaskState,
  taskStateName,
} from '@spider/core';

/**
 * A value as JSON on one line. Numbers beyond what JSON's readers keep exactly, and ids, are texts; bytes
 * are an object with their base64.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => plain(each));
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') };
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof SpiderError) return { code: value.code, message: value.message };
  return value;
}

/** The names of states for JSON, in place of their numbers. */
export const withJobState = <T extends { readonly state: JobState }>(
  status: T,
): Omit<T, 'state'> & { readonly state: string } => ({
  ...status,
  state: jobStateName(status.state),
});

export const withTaskState = <T extends { readonly state: TaskState | undefined }>(
  status: T,
): Omit<T, 'state'> & { readonly state: string } => ({
  ...status,
  state: status.state === undefined ? 'UNKNOWN' : taskStateName(status.state),
});
