import type { Checker } from '../observer.ts';

export const flushedNeverAgain: Checker = {
  name: 'flushed-never-again',
  promise: 'A task whose success is in the journal is never handed out again.',
  watch: (violated) => {
    const flushedAtMs = new Map<string, number>();
    return {
      journaled: ({ jobId, taskIndex, hasSucceeded }, nowMs) => {
        if (hasSucceeded) flushedAtMs.set(`${jobId}/${taskIndex}`, nowMs);
      },
      contextsIssued: (jobId, taskIndexes, nowMs) => {
        for (const taskIndex of taskIndexes) {
          const sinceMs = flushedAtMs.get(`${jobId}/${taskIndex}`);
          // What was issued in the same instant may have been on its way out already.
          if (sinceMs === undefined || sinceMs === nowMs) continue;
          violated(`task ${jobId}/${taskIndex} was issued ${nowMs - sinceMs} ms after its flush`);
        }
      },
    };
  },
};
