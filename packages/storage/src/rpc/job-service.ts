import { create } from '@bufbuild/protobuf';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { crc32, invalidArgument, isFinalJobState, JobState, LIMITS } from '@spider/core';
import type { JobId, ResourceGroupId, TimestampMs } from '@spider/core';
import {
  CancelJobResponseSchema,
  GetJobOutputsResponseSchema,
  GetJobResponseSchema,
  DeleteJobResponseSchema,
  DescribeJobResponseSchema,
  JobStatusSchema,
  ListJobsResponseSchema,
  ListTasksResponseSchema,
  RetryJobResponseSchema,
  StartJobResponseSchema,
  SubmitJobResponseSchema,
  toWireJobState,
  UploadJobResponseSchema,
  WatchJobResponseSchema,
  DownloadJobOutputsResponseSchema,
} from '@spider/proto';
import type {
  JobService,
  JobStatus as WireJobStatus,
  ListJobsRequest,
  SubmitJobRequest,
} from '@spider/proto';
import { pushStream } from '@spider/runtime';
import type { Logger } from '@spider/runtime';
import type { JobStatus } from '../cache/job-status.ts';
import type { JobFilter } from '../db/job-store.ts';
import { checkStateCount } from '../job-list.ts';
import type { TaskLogs } from '../task-log/task-logs.ts';
import { boundOf, callerOf } from './caller.ts';
import { checkGroup } from './job-access.ts';
import type { Jobs } from '../jobs.ts';
import { checkSubmission } from '../submission/submit-job.ts';
import type { Submission } from '../submission/submit-job.ts';
import { toJobPolicy, toWirePolicy } from './job-policy.ts';
import { receiveUpload } from './receive-upload.ts';
import type { UploadOptions } from './receive-upload.ts';
import { checkTaskStates, toKindCounts, toTaskCounts, toTaskStatus } from './task-messages.ts';

/** In WatchJobRequest.min_interval_ms: nothing but the final state. */
const FINAL_STATE_ONLY = 0xffff_ffff;

export interface JobServiceOptions {
  readonly jobs: Jobs;
  readonly logger: Logger;
  readonly uploads: UploadOptions;
  readonly taskLogs: TaskLogs;
}

/** What clients call. */
export const createJobService = ({
  jobs,
  logger,
  uploads,
  taskLogs,
}: JobServiceOptions): ServiceImpl<typeof JobService> => ({
  async submitJob(request, context) {
    const { taskGraph, inputs } = request;
    // The inputs stay as long as the job does; the request's bytes, of which they are a part, need not.
    const submitted = await jobs.submit(toSubmission(request, context, taskGraph, inputs.slice()));
    return create(SubmitJobResponseSchema, {
      jobId: submitted.id,
      state: toWireJobState(submitted.state),
      existed: submitted.existed,
    });
  },

  async uploadJob(requests, context) {
    const submitted = await receiveUpload(
      requests,
      uploads,
      (job) => checkSubmission(toSubmission(job, context)),
      ({ job, taskGraph, inputs }) => jobs.submit(toSubmission(job, context, taskGraph, inputs)),
    );
    return create(UploadJobResponseSchema, {
      jobId: submitted.id,
      state: toWireJobState(submitted.state),
      existed: submitted.existed,
    });
  },

  async startJob({ jobId }) {
    const state = await jobs.start(jobId as JobId);
    return create(StartJobResponseSchema, { state: toWireJobState(state) });
  },

  async cancelJob({ jobId, reason, skipCleanup }) {
    const state = await jobs.cancel(jobId as JobId, reason, skipCleanup);
    return create(CancelJobResponseSchema, { state: toWireJobState(state) });
  },

  async getJob({ jobId }) {
    const status = await jobs.status(jobId as JobId);
    return create(GetJobResponseSchema, { status: toWireStatus(status) });
  },

  watchJob: ({ jobId, minIntervalMs }, context) =>
    pushStream(
      context,
      (stream) => {
        /** What a client that does not read is to be told; what came before is of no use any more. */
        let latest: JobStatus | undefined;
        const send = (status: JobStatus): void => {
          latest = undefined;
          stream.send(create(WatchJobResponseSchema, { status: toWireStatus(status) }));
          if (isFinalJobState(status.state)) stream.end();
        };
        const close = jobs.watch(jobId as JobId, {
          minIntervalMs: minIntervalMs === FINAL_STATE_ONLY ? Infinity : minIntervalMs,
          onStatus: (status) => {
            if (stream.pending === 0) send(status);
            else latest = status;
          },
          onError: (error) => stream.cancel(error),
        });
        return {
          onClose: close,
          onDrained: () => {
            if (latest !== undefined) send(latest);
          },
        };
      },
      { logger },
    ),

  async getJobOutputs({ jobId }) {
    const serializedOutputs = await jobs.outputs.whole(jobId as JobId, LIMITS.unaryPayloadBytes);
    return create(GetJobOutputsResponseSchema, { serializedOutputs });
  },

  async *downloadJobOutputs({ jobId, offset }) {
    const { totalBytes, pieces } = await jobs.outputs.pieces(jobId as JobId, Number(offset));
    if (offset > BigInt(totalBytes)) {
      throw invalidArgument(
        `offset: ${offset} is more than the ${totalBytes} bytes that there are`,
      );
    }
    let crc = 0;
    yield create(DownloadJobOutputsResponseSchema, { totalBytes: BigInt(totalBytes) });
    for await (const data of pieces) {
      crc = crc32(data, crc);
      yield create(DownloadJobOutputsResponseSchema, { data });
    }
    yield create(DownloadJobOutputsResponseSchema, { crc32: crc });
  },

  async listJobs(request, context) {
    const page = await jobs.list(toJobFilter(request, context), request);
    return create(ListJobsResponseSchema, {
      jobs: page.jobs.map(toListedStatus),
      nextPageToken: page.nextPageToken,
    });
  },

  async describeJob({ jobId }) {
    const { status, summary } = await jobs.describe(jobId as JobId);
    return create(DescribeJobResponseSchema, {
      status: toWireStatus(status),
      tasks: toTaskCounts(summary.total),
      kinds: summary.kinds.map(toKindCounts),
      omittedKinds: summary.omitted,
    });
  },

  async listTasks(request) {
    checkStateCount(request.states);
    const states = checkTaskStates(request.states);
    const page = await jobs.tasks(request.jobId as JobId, states, request);
    return create(ListTasksResponseSchema, {
      tasks: page.tasks.map(toTaskStatus),
      nextPageToken: page.nextPageToken,
    });
  },

  readTaskLog: (request, context) =>
    pushStream(context, (stream) => taskLogs.read(request, stream), { logger }),

  async deleteJob({ jobId }) {
    await jobs.delete(jobId as JobId);
    return create(DeleteJobResponseSchema);
  },

  async retryJob({ jobId, idempotencyKey, start }) {
    const retry = await jobs.retry(jobId as JobId, { idempotencyKey, start });
    return create(RetryJobResponseSchema, {
      jobId: retry.id,
      state: toWireJobState(retry.state),
      existed: retry.existed,
    });
  },
});

const NOTHING: Uint8Array = new Uint8Array(0);

/** A job that names no group is the caller's, if it says who it is. */
const toSubmission = (
  request: SubmitJobRequest,
  context: HandlerContext,
  taskGraph = NOTHING,
  inputs = NOTHING,
): Submission => ({
  resourceGroupId: toOwner(request.resourceGroupId as ResourceGroupId, context),
  taskGraph,
  inputs,
  start: request.start,
  idempotencyKey: request.idempotencyKey,
  metadata: {
    name: request.name,
    labels: request.labels,
    priority: request.priority,
    requires: request.requires,
    maxConcurrency: request.maxConcurrency,
  },
  policy: toJobPolicy(request),
});

function toOwner(named: ResourceGroupId, context: HandlerContext): ResourceGroupId {
  if (named === 0n) return callerOf(context)?.resourceGroupId ?? named;
  checkGroup(named, context);
  return named;
}

/**
 * @throws SpiderError 'invalid-argument' if a state does not exist, 'permission-denied' if the group is
 * not the caller's.
 */
function toJobFilter(request: ListJobsRequest, context: HandlerContext): JobFilter {
  const { resourceGroupId, states, labels, namePrefix } = request;
  checkStateCount(states);
  const named = resourceGroupId as ResourceGroupId | undefined;
  if (named !== undefined) checkGroup(named, context);
  return {
    resourceGroupId: boundOf(context) ?? named,
    states: [...new Set(states)].map(checkJobState),
    labels,
    namePrefix,
    submittedFrom: toTimestamp(request.submittedFromMs),
    submittedBefore: toTimestamp(request.submittedBeforeMs),
  };
}

/** Times beyond 2^53 are as good as 2^53. */
const toTimestamp = (ms: bigint): TimestampMs | undefined =>
  ms === 0n ? undefined : (Math.min(Number(ms), Number.MAX_SAFE_INTEGER) as TimestampMs);

function checkJobState(state: number): JobState {
  if (state >= JobState.Ready && state <= JobState.Cancelled) return state as JobState;
  throw invalidArgument(`states: no job state has the number ${state}`);
}

const toListedStatus = (status: JobStatus): WireJobStatus =>
  toWireStatus({
    ...status,
    errorMessage: status.errorMessage?.slice(0, LIMITS.listedErrorLength),
  });

const toWireStatus = (status: JobStatus): WireJobStatus =>
  create(JobStatusSchema, {
    jobId: status.id,
    resourceGroupId: status.resourceGroupId,
    state: toWireJobState(status.state),
    totalTasks: status.totalTasks,
    succeededTasks: status.succeededTasks,
    flushedTasks: status.flushedTasks,
    runningTasks: status.runningTasks,
    readyTasks: status.readyTasks,
    failedAttempts: status.failedAttempts,
    errorMessage: status.errorMessage ?? '',
    submittedAtMs: BigInt(status.submittedAt),
    startedAtMs: BigInt(status.startedAt ?? 0),
    endedAtMs: BigInt(status.endedAt ?? 0),
    name: status.metadata.name,
    labels: status.metadata.labels,
    priority: status.metadata.priority,
    retryOfJobId: status.retryOf ?? 0n,
    failedTasks: status.failedTasks,
    skippedTasks: status.skippedTasks,
    ...toWirePolicy(status.policy, status.startedAt),
    endReason: status.endReason ?? '',
    requires: status.metadata.requires,
    maxConcurrency: status.metadata.maxConcurrency,
    waitingReason: status.waitingReason ?? '',
  });
