import { describe, expect, it } from 'vitest';
import { canJobMove, isFinalJobState, JobState, jobStateName } from './job-state.ts';

const ALL = Object.values(JobState);

describe('job states', () => {
  it('are numbered as on the wire', () => {
    expect(ALL.map((state) => [state, jobStateName(state)])).toEqual([
      [1, 'READY'],
      [2, 'RUNNING'],
      [3, 'COMMIT_READY'],
      [4, 'CLEANUP_READY'],
      [5, 'SUCCEEDED'],
      [6, 'FAILED'],
      [7, 'CANCELLED'],
    ]);
  });

  it('never lead back to READY, nor to themselves', () => {
    for (const from of ALL) {
      expect(canJobMove(from, JobState.Ready)).toBe(false);
      expect(canJobMove(from, from)).toBe(false);
    }
  });

  it('are final exactly when nothing follows', () => {
    const final: JobState[] = [JobState.Succeeded, JobState.Failed, JobState.Cancelled];
    for (const from of ALL) {
      expect(isFinalJobState(from)).toBe(final.includes(from));
      expect(ALL.some((to) => canJobMove(from, to))).toBe(!final.includes(from));
    }
  });

  it('let a job be cancelled until it has ended', () => {
    const cancellable: JobState[] = [
      JobState.Ready,
      JobState.Running,
      JobState.CommitReady,
      JobState.CleanupReady,
    ];
    for (const from of ALL) {
      expect(canJobMove(from, JobState.Cancelled)).toBe(cancellable.includes(from));
    }
  });

  it('keep commit and cleanup apart: nothing commits once it is being cleaned up', () => {
    expect(canJobMove(JobState.CleanupReady, JobState.Succeeded)).toBe(false);
    expect(canJobMove(JobState.CleanupReady, JobState.CommitReady)).toBe(false);
  });
});
