import { create } from '@bufbuild/protobuf';
import { LIMITS } from '@spider/core';
import { type TaskContexts, TaskContextsSchema } from '@spider/proto';
import { type ExecutionContext, fromExecutionContext } from '@spider/proto/reference';

/**
 * The context of one task as ours say it.
 *
 * @throws SpiderError 'internal' if a part is missing.
 */
export function toTaskContexts(
  jobId: bigint,
  resourceGroupId: bigint,
  taskIndex: number,
  context: ExecutionContext | undefined,
): TaskContexts {
  const whole = fromExecutionContext(context);
  const { taskInstanceId, tdlContext, timeoutPolicy, serializedTaskIo } = whole;
  return create(TaskContextsSchema, {
    instances: {
      jobId,
      taskIndexes: [taskIndex],
      instanceBase: taskInstanceId,
      instanceOffsets: [0],
    },
    resourceGroupId,
    kinds: [
      {
        package: tdlContext.package,
        function: tdlContext.taskFunc,
        softTimeoutMs: bounded(timeoutPolicy.softTimeoutMs),
        hardTimeoutMs: bounded(timeoutPolicy.hardTimeoutMs),
      },
    ],
    kindPositions: [0],
    inputLengths: [serializedTaskIo.length],
    inputs: serializedTaskIo,
  });
}

const bounded = (timeoutMs: bigint): number =>
  timeoutMs > BigInt(LIMITS.taskTimeoutMsMax) ? LIMITS.taskTimeoutMsMax : Number(timeoutMs);
