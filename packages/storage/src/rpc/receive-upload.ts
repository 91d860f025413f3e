import { invalidArgument, SpiderError } from '@spider/core';
import type { SubmitJobRequest, UploadHeader, UploadJobRequest } from '@spider/proto';
import type { Clock } from '@spider/runtime';
import { UploadAssembly } from '../submission/upload-assembly.ts';
import { checkJobBytes } from '../submission/submit-job.ts';
import type { ByteBudget } from '../submission/byte-budget.ts';

export interface UploadOptions {
  readonly clock: Clock;
  readonly budget: ByteBudget;
  /** How long a client may send nothing. */
  readonly idleMs: number;
  /** Bytes of the graph, and of the inputs. */
  readonly bytesMax: number;
}

/** A submission that has arrived in pieces. Its bytes belong to whoever receives it. */
export interface ReceivedUpload {
  readonly job: SubmitJobRequest;
  readonly taskGraph: Uint8Array;
  readonly inputs: Uint8Array;
}

/**
 * Receives a submission in pieces, then hands it on. Its bytes count against the budget until that has
 * ended, in whatever way.
 *
 * @param check looks at the submission without its bytes, before any of them is taken.
 * @throws SpiderError 'invalid-argument' naming what is wrong, 'resource-exhausted' if the budget does
 * not allow it, 'unavailable' if the client has stopped sending.
 */
export async function receiveUpload<T>(
  requests: AsyncIterable<UploadJobRequest>,
  { clock, budget, idleMs, bytesMax }: UploadOptions,
  check: (job: SubmitJobRequest) => void,
  submit: (upload: ReceivedUpload) => Promise<T>,
): Promise<T> {
  const parts = requests[Symbol.asyncIterator]();
  const { part: first } = await nextPart(parts, clock, idleMs);
  if (first.case !== 'header') throw invalidArgument('header: is missing in the first message');
  const job = checkHeader(first.value, bytesMax);
  check(job);
  const { taskGraphBytes, inputsBytes } = first.value;
  using _reserved = budget.reserve(Number(taskGraphBytes) + Number(inputsBytes));
  const assembly = new UploadAssembly(Number(taskGraphBytes), Number(inputsBytes));
  for (;;) {
    const { part } = await nextPart(parts, clock, idleMs);
    if (part.case === 'data') assembly.add(part.value);
    else if (part.case === 'header') {
      throw invalidArgument('header: belongs into the first message, and only there');
    } else if (part.case === 'end') {
      assembly.finish(part.value.crc32);
      const { taskGraph, inputs } = assembly;
      return await submit({ job, taskGraph, inputs });
    } else throw invalidArgument('part: is missing');
  }
}

/** Answers the submission without its bytes. */
function checkHeader(
  { job, taskGraphBytes, inputsBytes }: UploadHeader,
  bytesMax: number,
): SubmitJobRequest {
  if (job === undefined) throw invalidArgument('header.job: is missing');
  if (job.taskGraph.length > 0) throw invalidArgument('header.job.task_graph: belongs into data');
  if (job.inputs.length > 0) throw invalidArgument('header.job.inputs: belong into data');
  checkJobBytes('header.task_graph_bytes', taskGraphBytes, bytesMax);
  checkJobBytes('header.inputs_bytes', inputsBytes, bytesMax);
  return job;
}

/** @throws SpiderError if nothing comes in time, or nothing comes any more. */
async function nextPart(
  parts: AsyncIterator<UploadJobRequest>,
  clock: Clock,
  idleMs: number,
): Promise<UploadJobRequest> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = clock.setTimer(idleMs, () => {
    reject(
      new SpiderError('unavailable', `the upload was given up: nothing came for ${idleMs} ms`),
    );
  });
  try {
    const result = await Promise.race([parts.next(), expired]);
    if (result.done !== true) return result.value;
    throw invalidArgument('end: is missing');
  } finally {
    timer.cancel();
  }
}
