import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX } from '@spider/core';
import type { TaskIndex } from '@spider/core';

/** For messages: `task 3`, `the commit task`. */
export function describeTask(taskIndex: TaskIndex): string {
  switch (taskIndex) {
    case COMMIT_TASK_INDEX:
      return 'the commit task';
    case CLEANUP_TASK_INDEX:
      return 'the cleanup task';
    default:
      return `task ${taskIndex}`;
  }
}
