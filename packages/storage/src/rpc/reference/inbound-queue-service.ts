import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { LIMITS } from '@spider/core';
import type { SessionId } from '@spider/core';
import {
  PollReadyTasksResponseSchema,
  ReadyTasksSchema,
  toReferenceTaskId,
} from '@spider/proto/reference';
import type {
  InboundQueueService,
  PollReadyTasksResponse,
  ReadyTask,
} from '@spider/proto/reference';
import { Lane } from '../../queue/lane.ts';
import type { ReadyTasks } from '../../queue/ready-task-feed.ts';
import type { ReadyTaskPolls } from '../../queue/ready-task-polls.ts';

export interface InboundQueueOptions {
  readonly polls: ReadyTaskPolls;
  readonly sessionId: SessionId;
}

/** What schedulers of the reference poll. Never fails: they would end by that. */
export function createInboundQueueService({
  polls,
  sessionId,
}: InboundQueueOptions): ServiceImpl<typeof InboundQueueService> {
  const poll =
    (lane: Lane): ServiceImpl<typeof InboundQueueService>['pollReadyTasks'] =>
    async ({ maxItems, waitMs }, { signal }) => {
      const tasks = await polls.poll({
        lane,
        signal,
        maxTasks: atMost(maxItems, LIMITS.tasksPerPoll),
        waitMs: atMost(waitMs, LIMITS.pollWaitMs),
      });
      return toResponse(sessionId, tasks);
    };
  return {
    pollReadyTasks: poll(Lane.Regular),
    pollReadyCommitTasks: poll(Lane.Commit),
    pollReadyCleanupTasks: poll(Lane.Cleanup),
  };
}

const atMost = (value: bigint, limit: number): number => (value < limit ? Number(value) : limit);

function toResponse(
  sessionId: SessionId,
  readyTasks: readonly ReadyTasks[],
): PollReadyTasksResponse {
  const tasks = create(ReadyTasksSchema, { sessionId });
  for (const ofJob of readyTasks) {
    const jobId = BigInt(ofJob.jobId);
    const resourceGroupId = BigInt(ofJob.resourceGroupId);
    for (const taskIndex of ofJob.taskIndexes) {
      const taskId = toReferenceTaskId(taskIndex);
      const task: ReadyTask = { $typeName: 'storage.ReadyTask', resourceGroupId, jobId, taskId };
      tasks.tasks.push(task);
    }
  }
  return create(PollReadyTasksResponseSchema, { tasks });
}
