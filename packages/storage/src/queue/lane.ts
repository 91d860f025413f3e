import { JobState } from '@spider/core';

/** The kinds of ready tasks, in the order in which they are urgent: what ends jobs goes first. */
export const Lane = { Commit: 0, Cleanup: 1, Regular: 2 } as const;

export type Lane = (typeof Lane)[keyof typeof Lane];

export const LANES: readonly Lane[] = [Lane.Commit, Lane.Cleanup, Lane.Regular];

/** The kind of tasks that a job in this state may have ready. */
export function laneOf(state: JobState): Lane {
  if (state === JobState.CommitReady) return Lane.Commit;
  return state === JobState.CleanupReady ? Lane.Cleanup : Lane.Regular;
}
