import { CLEANUP_TASK_INDEX } from '@spider/core';

import type { Checker } from '../observer.ts';

export const cancelledStartsNothing: Checker = {
  name: 'cancelled-starts-nothing',
  promise:
    'Once a cancellation is answered, nothing of the job but its cleanup task is handed out.',
  watch: (violated) => {
    const cancelledAtMs = new Map<number, number>();
    return {
      cancelAnswered: (jobId, nowMs) => void cancelledAtMs.set(jobId, nowMs),
      contextsIssued: (jobId, taskIndexes, nowMs) => {
        const sinceMs = cancelledAtMs.get(jobId);
        if (sinceMs === undefined || sinceMs === nowMs) return;
        for (const taskIndex of taskIndexes) {
          if (taskIndex === CLEANUP_TASK_INDEX) continue;
          violated(`task ${jobId}/${taskIndex} was issued ${nowMs - sinceMs} ms after the cancel`);
        }
      },
    };
  },
};
