import { SpiderError, type TaskIndex } from '@spider/core';

import type { NextTaskResponse, SchedulerAssignment } from '../gen/scheduler/scheduler_pb.ts';
import type { ExecutionContext, TdlContext, TimeoutPolicy } from '../gen/storage/storage_pb.ts';
import { fromReferenceTaskId } from './reference-task-id.ts';

/** An assignment by a scheduler of the reference, with the task named as ours name it. */
export interface ReferenceAssignment {
  readonly assignment: SchedulerAssignment;
  readonly taskIndex: TaskIndex;
}

/** An execution context with all of its parts there. */
export interface CompleteExecutionContext extends ExecutionContext {
  readonly tdlContext: TdlContext;
  readonly timeoutPolicy: TimeoutPolicy;
}

/**
 * Reads what a scheduler of the reference answers.
 *
 * @returns undefined if it has no task.
 * @throws SpiderError 'internal' if it answers neither a task nor that there is none, 'invalid-argument'
 * if the assignment does not say which task.
 */
export function fromNextTaskResponse({
  result,
}: NextTaskResponse): ReferenceAssignment | undefined {
  switch (result.case) {
    case 'assignment':
      return { assignment: result.value, taskIndex: fromReferenceTaskId(result.value.taskId) };
    case 'noTask':
      return undefined;
    case undefined:
      throw brokenProtocol('the scheduler answered neither a task nor that there is none');
    default:
      return result satisfies never;
  }
}

/** @throws SpiderError 'internal' naming the part that is missing. */
export function fromExecutionContext(
  context: ExecutionContext | undefined,
): CompleteExecutionContext {
  if (context === undefined) throw brokenProtocol('storage answered no execution_context');
  const { tdlContext, timeoutPolicy } = context;
  if (tdlContext === undefined) throw brokenProtocol('storage answered no tdl_context');
  if (timeoutPolicy === undefined) throw brokenProtocol('storage answered no timeout_policy');
  return { ...context, tdlContext, timeoutPolicy };
}

const brokenProtocol = (message: string): SpiderError => new SpiderError('internal', message);
