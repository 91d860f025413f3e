import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  COMMIT_TASK_INDEX,
  CLEANUP_TASK_INDEX,
  encodeSerializedOutputs,
  frameBounds,
  frameCount,
  invalidArgument,
  LIMITS,
  notFound,
  SpiderError,
  TaskOutcome,
} from '@spider/core';
import type { ExecutionManagerId, JobId, SessionId, TaskIndex, Zstd } from '@spider/core';
import {
  fromReferenceTaskId,
  RegisterTaskInstanceResponseSchema,
  VoidSchema,
} from '@spider/proto/reference';
import type {
  RegisterTaskInstanceRequest,
  RegisterTaskInstanceResponse,
  ReportTaskFailureRequest,
  ReportTaskSuccessRequest,
  TaskInstanceManagementService,
} from '@spider/proto/reference';
import type { ContextsEffect } from '../../machine/job-effect.ts';
import { ReportVerdict } from '../../machine/job-event.ts';
import type { ReadyTaskPolls } from '../../queue/ready-task-polls.ts';
import { describeTask } from '../../describe-task.ts';
import { stale } from './unary-tasks.ts';
import type { UnaryReport, UnaryTask, UnaryTasks } from './unary-tasks.ts';

export interface TaskInstanceOptions {
  readonly tasks: UnaryTasks;
  readonly polls: ReadyTaskPolls;
  readonly sessionId: SessionId;
  readonly zstd: Zstd;
}

/** Of a response's 4 MiB, what is left to the names and numbers beside the inputs. */
const RESPONSE_OVERHEAD_BYTES = 1024;

/** What execution managers of the reference call for each task. */
export function createTaskInstanceService({
  tasks,
  polls,
  sessionId,
  zstd,
}: TaskInstanceOptions): ServiceImpl<typeof TaskInstanceManagementService> {
  /** Calls carry exactly the current session. */
  const toTask = (
    request: RegisterTaskInstanceRequest | ReportTaskSuccessRequest | ReportTaskFailureRequest,
  ): UnaryTask => {
    const taskIndex = fromReferenceTaskId(request.taskId);
    if (request.sessionId !== sessionId) {
      throw notFound(`session ${request.sessionId} is not the current one, which is ${sessionId}`);
    }
    const jobId = request.jobId as JobId;
    return {
      jobId,
      taskIndex,
      executionManagerId: request.executionManagerId as ExecutionManagerId,
    };
  };

  return {
    async registerTaskInstance(request) {
      const task = toTask(request);
      const contexts = await tasks.lease(task);
      // There is room for another one on its way.
      polls.wake();
      const io = serializedTaskIo(task.taskIndex, contexts, zstd);
      if (io.length <= LIMITS.referenceMessageBytes - RESPONSE_OVERHEAD_BYTES) {
        return toResponse(contexts, io);
      }
      const message =
        `the inputs of ${describeTask(task.taskIndex)} have ${io.length} bytes, more than an ` +
        `execution manager without streams can take`;
      const payload = new TextEncoder().encode(message);
      const instance = BigInt(contexts.firstInstance);
      await tasks.report({ ...task, instance, outcome: TaskOutcome.Failed, payload });
      throw stale(message);
    },

    async reportTaskSuccess(request) {
      const task = toTask(request);
      const { taskInstanceId: instance, serializedOutputs } = request;
      const problem = problemOf(task.taskIndex, serializedOutputs);
      if (problem !== undefined) {
        // Nobody else will say how this attempt ended.
        const payload = new TextEncoder().encode(problem);
        await tasks.report({ ...task, instance, outcome: TaskOutcome.Failed, payload });
        throw invalidArgument(problem);
      }
      const payload = isTermination(task.taskIndex) ? new Uint8Array(0) : serializedOutputs;
      const report: UnaryReport = { ...task, instance, outcome: TaskOutcome.Succeeded, payload };
      answer(report, await tasks.report(report));
      return create(VoidSchema);
    },

    async reportTaskFailure(request) {
      const task = toTask(request);
      const payload = new TextEncoder().encode(request.errorMessage);
      const instance = request.taskInstanceId;
      const report: UnaryReport = { ...task, instance, outcome: TaskOutcome.Failed, payload };
      answer(report, await tasks.report(report));
      return create(VoidSchema);
    },
  };
}

const isTermination = (taskIndex: TaskIndex): boolean =>
  taskIndex === COMMIT_TASK_INDEX || taskIndex === CLEANUP_TASK_INDEX;

/** Why these are no outputs of any task. Those of commit and cleanup tasks do not matter. */
function problemOf(taskIndex: TaskIndex, outputs: Uint8Array): string | undefined {
  if (isTermination(taskIndex)) return undefined;
  if (outputs.length > LIMITS.taskPayloadBytes) {
    return `serialized_outputs: ${outputs.length} bytes are more than ${LIMITS.taskPayloadBytes}`;
  }
  try {
    frameBounds(outputs);
    return undefined;
  } catch (error) {
    if (error instanceof SpiderError) return `serialized_outputs: ${error.message}`;
    throw error;
  }
}

/** @throws SpiderError unless the report has counted just now. */
function answer(report: UnaryReport, verdict: ReportVerdict): void {
  const { jobId, taskIndex, instance, payload } = report;
  const task = describeTask(taskIndex);
  switch (verdict) {
    case ReportVerdict.Accepted:
      return;
    case ReportVerdict.Malformed:
      throw invalidArgument(
        `serialized_outputs: ${frameCount(payload)} outputs are not what ${task} declares; the ` +
          `attempt counts as failed`,
      );
    case ReportVerdict.Duplicate:
    case ReportVerdict.Stale:
      throw stale(`instance ${instance} of ${task} of job ${jobId} is not running`);
    default:
      verdict satisfies never;
  }
}

/** A commit task gets the job's outputs compressed if that is worth it. */
function serializedTaskIo(
  taskIndex: TaskIndex,
  { inputs }: ContextsEffect,
  zstd: Zstd,
): Uint8Array {
  if (taskIndex !== COMMIT_TASK_INDEX) return inputs;
  return encodeSerializedOutputs(inputs.subarray(1), zstd);
}

function toResponse(
  { firstInstance, kinds }: ContextsEffect,
  serializedTaskIo: Uint8Array,
): RegisterTaskInstanceResponse {
  const [kind] = kinds;
  if (kind === undefined) throw new Error('a task without a kind');
  const { softTimeoutMs, hardTimeoutMs } = kind.policy;
  return create(RegisterTaskInstanceResponseSchema, {
    executionContext: {
      taskInstanceId: BigInt(firstInstance),
      tdlContext: { package: kind.packageName, taskFunc: kind.functionName },
      timeoutPolicy: {
        softTimeoutMs: BigInt(softTimeoutMs),
        hardTimeoutMs: BigInt(hardTimeoutMs),
      },
      serializedTaskIo,
    },
  });
}
