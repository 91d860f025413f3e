import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { isFinalJobState } from '@spider/core';
import type { JobId, ResourceGroupId } from '@spider/core';
import {
  CancelJobResponseSchema,
  GetJobOutputsResponseSchema,
  GetJobResponseSchema,
  JobStatusSchema,
  StartJobResponseSchema,
  SubmitJobResponseSchema,
  toWireJobState,
  WatchJobResponseSchema,
} from '@spider/proto';
import type { JobService, JobStatus as WireJobStatus } from '@spider/proto';
import { pushStream } from '@spider/runtime';
import type { Logger } from '@spider/runtime';
import type { JobStatus } from '../cache/job-status.ts';
import type { Jobs } from '../jobs.ts';

/** In WatchJobRequest.min_interval_ms: nothing but the final state. */
const FINAL_STATE_ONLY = 0xffff_ffff;

export interface JobServiceOptions {
  readonly jobs: Jobs;
  readonly logger: Logger;
}

/** What clients call. */
export const createJobService = ({
  jobs,
  logger,
}: JobServiceOptions): ServiceImpl<typeof JobService> => ({
  async submitJob(request) {
    const submitted = await jobs.submit({
      resourceGroupId: request.resourceGroupId as ResourceGroupId,
      taskGraph: request.taskGraph,
      inputs: request.inputs,
      start: request.start,
      idempotencyKey: request.idempotencyKey,
    });
    return create(SubmitJobResponseSchema, {
      jobId: submitted.id,
      state: toWireJobState(submitted.state),
      existed: submitted.existed,
    });
  },

  async startJob({ jobId }) {
    const state = await jobs.start(jobId as JobId);
    return create(StartJobResponseSchema, { state: toWireJobState(state) });
  },

  async cancelJob({ jobId }) {
    const state = await jobs.cancel(jobId as JobId);
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
        const close = jobs.watch(jobId as JobId, {
          minIntervalMs: minIntervalMs === FINAL_STATE_ONLY ? Infinity : minIntervalMs,
          onStatus: (status) => {
            stream.send(create(WatchJobResponseSchema, { status: toWireStatus(status) }));
            if (isFinalJobState(status.state)) stream.end();
          },
          onError: (error) => stream.cancel(error),
        });
        return { onClose: close };
      },
      { logger },
    ),

  async getJobOutputs({ jobId }) {
    const serializedOutputs = await jobs.outputs(jobId as JobId);
    return create(GetJobOutputsResponseSchema, { serializedOutputs });
  },
});

const toWireStatus = (status: JobStatus): WireJobStatus =>
  create(JobStatusSchema, {
    jobId: status.id,
    resourceGroupId: status.resourceGroupId,
    state: toWireJobState(status.state),
    totalTasks: status.totalTasks,
    succeededTasks: status.succeededTasks,
    runningTasks: status.runningTasks,
    readyTasks: status.readyTasks,
    failedAttempts: status.failedAttempts,
    errorMessage: status.errorMessage ?? '',
    submittedAtMs: BigInt(status.submittedAt),
    startedAtMs: BigInt(status.startedAt ?? 0),
    endedAtMs: BigInt(status.endedAt ?? 0),
  });
