import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, invalidArgument, LIMITS } from '@spider/core';
import type { TaskIndex } from '@spider/core';

import type { TaskId } from '../gen/common/common_pb.ts';

/**
 * A task as our side names it.
 *
 * @returns an index that no task has if the one on the wire is larger than any.
 * @throws SpiderError 'invalid-argument' if it does not say which.
 */
export function fromReferenceTaskId(taskId: TaskId | undefined): TaskIndex {
  const kind = taskId?.kind;
  switch (kind?.case) {
    case 'index':
      return kind.value < LIMITS.tasksPerJob ? Number(kind.value) : LIMITS.tasksPerJob;
    case 'commit':
      return COMMIT_TASK_INDEX;
    case 'cleanup':
      return CLEANUP_TASK_INDEX;
    case undefined:
      throw invalidArgument('task_id: is missing, or is neither index, commit nor cleanup');
    default:
      return kind satisfies never;
  }
}

export function toReferenceTaskId(taskIndex: TaskIndex): TaskId {
  return { $typeName: 'common.TaskId', kind: kindOf(taskIndex) };
}

function kindOf(taskIndex: TaskIndex): TaskId['kind'] {
  switch (taskIndex) {
    case COMMIT_TASK_INDEX:
      return { case: 'commit', value: { $typeName: 'common.Void' } };
    case CLEANUP_TASK_INDEX:
      return { case: 'cleanup', value: { $typeName: 'common.Void' } };
    default:
      return { case: 'index', value: BigInt(taskIndex) };
  }
}
