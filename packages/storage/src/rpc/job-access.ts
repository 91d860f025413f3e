import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { SpiderError } from '@spider/core';
import type { JobId, ResourceGroupId } from '@spider/core';
import type { JobService } from '@spider/proto';
import type { JobOrchestrationService } from '@spider/proto/reference';
import type { Jobs } from '../jobs.ts';
import { boundOf } from './caller.ts';

type JobsOfGroups = Pick<Jobs, 'status'>;

interface JobRequest {
  readonly jobId: bigint;
}

/** @throws SpiderError 'permission-denied' if the caller is of another resource group. */
export function checkGroup(group: ResourceGroupId, context: HandlerContext): void {
  const own = boundOf(context);
  if (own === undefined || own === group) return;
  throw new SpiderError(
    'permission-denied',
    `resource_group_id: ${group} is not the one that you have logged in as, which is ${own}: leave it out, or log in as that`,
  );
}

/** Has resource groups see and touch their own jobs alone. Submitting and listing look at that themselves. */
export function keepToOwnJobs(
  service: ServiceImpl<typeof JobService>,
  jobs: JobsOfGroups,
): ServiceImpl<typeof JobService> {
  return {
    ...service,
    startJob: unary(service.startJob, jobs),
    cancelJob: unary(service.cancelJob, jobs),
    getJob: unary(service.getJob, jobs),
    watchJob: streaming(service.watchJob, jobs),
    getJobOutputs: unary(service.getJobOutputs, jobs),
    describeJob: unary(service.describeJob, jobs),
    listTasks: unary(service.listTasks, jobs),
    deleteJob: unary(service.deleteJob, jobs),
    retryJob: unary(service.retryJob, jobs),
    downloadJobOutputs: streaming(service.downloadJobOutputs, jobs),
    readTaskLog: streaming(service.readTaskLog, jobs),
  };
}

/** The same for clients of the reference. */
export function keepToOwnReferenceJobs(
  service: ServiceImpl<typeof JobOrchestrationService>,
  jobs: JobsOfGroups,
): ServiceImpl<typeof JobOrchestrationService> {
  return {
    registerJob: (request, context) => {
      checkGroup(request.resourceGroupId as ResourceGroupId, context);
      return service.registerJob(request, context);
    },
    startJob: unary(service.startJob, jobs),
    cancelJob: unary(service.cancelJob, jobs),
    getJobState: unary(service.getJobState, jobs),
    getJobOutputs: unary(service.getJobOutputs, jobs),
    getJobError: unary(service.getJobError, jobs),
  };
}

async function checkJob(jobId: bigint, context: HandlerContext, jobs: JobsOfGroups): Promise<void> {
  const own = boundOf(context);
  if (own === undefined) return;
  const { resourceGroupId } = await jobs.status(jobId as JobId);
  if (resourceGroupId === own) return;
  throw new SpiderError(
    'permission-denied',
    `job ${jobId} is another resource group's: log in as the one that has submitted it`,
  );
}

const unary =
  <Request extends JobRequest, Response>(
    method: (request: Request, context: HandlerContext) => Response | Promise<Response>,
    jobs: JobsOfGroups,
  ) =>
  async (request: Request, context: HandlerContext): Promise<Response> => {
    await checkJob(request.jobId, context, jobs);
    return await method(request, context);
  };

/** Not a generator: one that waits for a message cannot be ended. */
const streaming =
  <Request extends JobRequest, Response>(
    method: (request: Request, context: HandlerContext) => AsyncIterable<Response>,
    jobs: JobsOfGroups,
  ) =>
  (request: Request, context: HandlerContext): AsyncIterable<Response> => ({
    [Symbol.asyncIterator]() {
      let messages: AsyncIterator<Response> | undefined;
      const open = async (): Promise<IteratorResult<Response>> => {
        await checkJob(request.jobId, context, jobs);
        messages = method(request, context)[Symbol.asyncIterator]();
        return messages.next();
      };
      return {
        next: () => messages?.next() ?? open(),
        return: async (value) =>
          (await messages?.return?.(value)) ?? { done: true, value: value as unknown },
        throw: async (error) => {
          if (messages?.throw === undefined) throw error;
          return messages.throw(error);
        },
      };
    },
  });
