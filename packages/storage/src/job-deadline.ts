import type { JobPolicy, TimestampMs } from '@spider/core';

/** When a job's time is over; undefined for never, or not before it has started. */
export function deadlineOf(
  { deadlineMs, deadlineAt }: JobPolicy,
  startedAt: TimestampMs | undefined,
): TimestampMs | undefined {
  const isRelative = deadlineMs !== undefined && startedAt !== undefined;
  const afterStart = isRelative ? startedAt + deadlineMs : Infinity;
  const earliest = Math.min(afterStart, deadlineAt ?? Infinity);
  return earliest === Infinity ? undefined : (earliest as TimestampMs);
}

/** Why a job ends whose time is over. */
export function describeDeadline(
  { deadlineMs, deadlineAt }: JobPolicy,
  startedAt: TimestampMs | undefined,
): string {
  const isRelative = deadlineMs !== undefined && startedAt !== undefined;
  if (isRelative && startedAt + deadlineMs <= (deadlineAt ?? Infinity)) {
    return `deadline exceeded: the job had not ended ${deadlineMs} ms after its start`;
  }
  const time = new Date(deadlineAt ?? 0).toISOString();
  return `deadline exceeded: the job had not ended at ${time}`;
}
