import type { Job } from '../cache/job.ts';

/** Reports that wait for others may be in order now. */
export const wakeReports = (job: Job): void => wake(job.waitingReports);

/** Leases that wait for a recall are to be asked for anew. */
export const wakeLeases = (job: Job): void => wake(job.waitingLeases);

function wake(callbacks: Set<() => void>): void {
  if (callbacks.size === 0) return;
  const waiting = [...callbacks];
  callbacks.clear();
  for (const callback of waiting) callback();
}
