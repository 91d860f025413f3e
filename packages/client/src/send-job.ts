import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { crc32, LIMITS } from '@spider/core';
import {
  type SubmitJobRequestSchema,
  type UploadJobRequest,
  UploadJobRequestSchema,
} from '@spider/proto';
import { SUBMIT_ROUNDS } from './submit-rounds.ts';
import type { JobServiceCaller } from './job-service-caller.ts';

/** A submission without its graph and inputs. */
export type SubmissionHead = Omit<
  MessageInitShape<typeof SubmitJobRequestSchema>,
  '$typeName' | 'taskGraph' | 'inputs'
>;

/** Submits a job: in one message if it fits, in pieces otherwise. Answers its id. */
export async function sendJob(
  caller: JobServiceCaller,
  job: SubmissionHead,
  taskGraph: Uint8Array,
  inputs: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<bigint> {
  const bound = { maxRounds: SUBMIT_ROUNDS, signal };
  const isSmall = taskGraph.length + inputs.length <= LIMITS.unaryPayloadBytes;
  const { jobId } = isSmall
    ? await caller.call(
        (client, call) => client.submitJob({ ...job, taskGraph, inputs }, call),
        bound,
      )
    : await caller.call(
        (client, call) => client.uploadJob(uploadParts(job, taskGraph, inputs), call),
        bound,
      );
  return jobId;
}

async function* uploadParts(
  job: SubmissionHead,
  taskGraph: Uint8Array,
  inputs: Uint8Array,
): AsyncGenerator<UploadJobRequest, void> {
  const value = {
    job,
    taskGraphBytes: BigInt(taskGraph.length),
    inputsBytes: BigInt(inputs.length),
  };
  yield create(UploadJobRequestSchema, { part: { case: 'header', value } });
  let crc = 0;
  for (const bytes of [taskGraph, inputs]) {
    for (let at = 0; at < bytes.length; at += LIMITS.chunkBytes) {
      const data = bytes.subarray(at, at + LIMITS.chunkBytes);
      crc = crc32(data, crc);
      yield create(UploadJobRequestSchema, { part: { case: 'data', value: data } });
    }
  }
  yield create(UploadJobRequestSchema, { part: { case: 'end', value: { crc32: crc } } });
}
