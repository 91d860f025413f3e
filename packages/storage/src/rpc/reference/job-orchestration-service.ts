import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  decodeCompressedTaskGraph,
  encodeTaskGraph,
  failedPrecondition,
  isFinalJobState,
  JobState,
  LIMITS,
  notFound,
  SpiderError,
} from '@spider/core';
import type { JobId, ResourceGroupId, Zstd } from '@spider/core';
import {
  JobErrorResponseSchema,
  JobOutputsResponseSchema,
  JobStateResponseSchema,
  RegisterJobResponseSchema,
  toReferenceJobState,
} from '@spider/proto/reference';
import type {
  JobOrchestrationService,
  JobStateResponse,
  RegisterJobRequest,
} from '@spider/proto/reference';
import { describeState } from '../../cache/job-status.ts';
import type { Jobs } from '../../jobs.ts';
import type { Submission } from '../../submission/submit-job.ts';

export interface JobOrchestrationOptions {
  readonly jobs: Jobs;
  readonly zstd: Zstd;
}

/** Outputs that clients of the reference can read, with what a message has beside them. */
const RESPONSE_OUTPUT_BYTES = LIMITS.referenceMessageBytes - 64;

/** What clients of the reference call. */
export const createJobOrchestrationService = ({
  jobs,
  zstd,
}: JobOrchestrationOptions): ServiceImpl<typeof JobOrchestrationService> => ({
  async registerJob(request) {
    const { id } = await submit(jobs, toSubmission(request, zstd));
    return create(RegisterJobResponseSchema, { jobId: id });
  },

  async startJob({ jobId }) {
    const id = jobId as JobId;
    if (!jobs.isInMemory(id)) throw notFound(`job ${id} does not exist, or has ended`);
    return toStateResponse(await jobs.start(id));
  },

  async cancelJob({ jobId }) {
    const id = jobId as JobId;
    if (jobs.isInMemory(id)) return toStateResponse(await jobs.cancel(id));
    const status = await jobs.status(id);
    if (isFinalJobState(status.state)) return toStateResponse(status.state);
    throw failedPrecondition(`${describeState(status)} and not in memory; it cannot be cancelled`);
  },

  async getJobState({ jobId }) {
    const { state } = await jobs.status(jobId as JobId);
    return toStateResponse(state);
  },

  async getJobOutputs({ jobId }) {
    const serializedOutputs = await jobs.outputs.whole(jobId as JobId, RESPONSE_OUTPUT_BYTES);
    return create(JobOutputsResponseSchema, { serializedOutputs });
  },

  async getJobError({ jobId }) {
    const status = await jobs.status(jobId as JobId);
    if (status.state !== JobState.Failed) {
      throw failedPrecondition(`${describeState(status)}; it has an error once it is FAILED`);
    }
    const { errorMessage } = status;
    if (errorMessage === undefined)
      throw new SpiderError('internal', `job ${jobId} lacks its error`);
    return create(JobErrorResponseSchema, { errorMessage });
  },
});

/** @throws SpiderError 'invalid-argument' naming the field in which something is wrong. */
function toSubmission(request: RegisterJobRequest, zstd: Zstd): Submission {
  const taskGraph = inField('compressed_serialized_task_graph', () =>
    encodeTaskGraph(decodeCompressedTaskGraph(request.compressedSerializedTaskGraph, zstd)),
  );
  const inputs = inField('compressed_serialized_inputs', () =>
    zstd.decompress(request.compressedSerializedInputs, LIMITS.decompressedBytes),
  );
  const resourceGroupId = request.resourceGroupId as ResourceGroupId;
  return { resourceGroupId, taskGraph, inputs, start: false, idempotencyKey: '' };
}

async function submit(jobs: Jobs, submission: Submission): ReturnType<Jobs['submit']> {
  const { resourceGroupId } = submission;
  const unauthenticated = (): SpiderError =>
    new SpiderError('unauthenticated', `resource group ${resourceGroupId} does not exist`);
  // To our own clients 0 means the default group, to those of the reference nothing.
  if (resourceGroupId === 0n) throw unauthenticated();
  try {
    return await jobs.submit(submission);
  } catch (error) {
    if (error instanceof SpiderError && error.code === 'not-found') throw unauthenticated();
    throw error;
  }
}

function inField<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SpiderError)) throw error;
    throw new SpiderError(error.code, `${field}: ${error.message}`, { cause: error });
  }
}

const toStateResponse = (state: JobState): JobStateResponse =>
  create(JobStateResponseSchema, { state: toReferenceJobState(state) });
