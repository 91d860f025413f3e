/**
 * A job's states, numbered as on the wire.
 *
 * Ready: submitted, not started. Running: started. CommitReady: every regular task succeeded, the
 * commit task is still to succeed. CleanupReady: cancelled after it had started, the cleanup task is
 * still to succeed. The other three are final.
 */
export const JobState = {
  Ready: 1,
  Running: 2,
  CommitReady: 3,
  CleanupReady: 4,
  Succeeded: 5,
  Failed: 6,
  Cancelled: 7,
} as const;

export type JobState = (typeof JobState)[keyof typeof JobState];
export type FinalJobState =
  typeof JobState.Succeeded | typeof JobState.Failed | typeof JobState.Cancelled;

const NAMES: Record<JobState, string> = {
  [JobState.Ready]: 'READY',
  [JobState.Running]: 'RUNNING',
  [JobState.CommitReady]: 'COMMIT_READY',
  [JobState.CleanupReady]: 'CLEANUP_READY',
  [JobState.Succeeded]: 'SUCCEEDED',
  [JobState.Failed]: 'FAILED',
  [JobState.Cancelled]: 'CANCELLED',
};

/**
 * Where a job may go from each state. Beside the reference's table, CommitReady → Cancelled is
 * allowed: a job without a cleanup task that is cancelled while it commits ends as the user asked.
 */
const NEXT: Record<JobState, readonly JobState[]> = {
  [JobState.Ready]: [JobState.Running, JobState.Cancelled],
  [JobState.Running]: [
    JobState.CommitReady,
    JobState.CleanupReady,
    JobState.Succeeded,
    JobState.Failed,
    JobState.Cancelled,
  ],
  [JobState.CommitReady]: [
    JobState.CleanupReady,
    JobState.Succeeded,
    JobState.Failed,
    JobState.Cancelled,
  ],
  [JobState.CleanupReady]: [JobState.Failed, JobState.Cancelled],
  [JobState.Succeeded]: [],
  [JobState.Failed]: [],
  [JobState.Cancelled]: [],
};

export const jobStateName = (state: JobState): string => NAMES[state];

export const canJobMove = (from: JobState, to: JobState): boolean => NEXT[from].includes(to);

export const isFinalJobState = (state: JobState): state is FinalJobState =>
  NEXT[state].length === 0;
