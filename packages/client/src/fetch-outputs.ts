import { crc32, type JobId, LIMITS, SpiderError } from '@spider/core';
import type { JobServiceCaller } from './job-service-caller.ts';
import { READ_ROUNDS } from './read-rounds.ts';

/** Reads a job's outputs as storage keeps them: in one message if they fit, in pieces otherwise. */
export async function fetchOutputs(
  caller: JobServiceCaller,
  jobId: JobId,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  try {
    const { serializedOutputs } = await caller.call(
      (client, call) => client.getJobOutputs({ jobId }, call),
      { maxRounds: READ_ROUNDS, signal },
    );
    return serializedOutputs;
  } catch (error) {
    if (!(error instanceof SpiderError) || error.code !== 'resource-exhausted') throw error;
  }
  return await new OutputDownload(caller, jobId, signal).run();
}

/** A download that goes on where it was when its connection was lost. */
class OutputDownload {
  readonly #caller: JobServiceCaller;
  readonly #jobId: JobId;
  readonly #signal: AbortSignal | undefined;
  #outputs: Uint8Array | undefined;
  #received = 0;
  /** Of the pieces of this call. */
  #crc = 0;
  #failures = 0;

  constructor(caller: JobServiceCaller, jobId: JobId, signal: AbortSignal | undefined) {
    this.#caller = caller;
    this.#jobId = jobId;
    this.#signal = signal;
  }

  async run(): Promise<Uint8Array> {
    for (;;) {
      try {
        return await this.#readOn();
      } catch (error) {
        this.#failures += 1;
        const bound = { maxRounds: READ_ROUNDS, signal: this.#signal };
        await this.#caller.pauseAfter(error, this.#failures, bound);
      }
    }
  }

  async #readOn(): Promise<Uint8Array> {
    this.#crc = 0;
    const request = { jobId: this.#jobId, offset: BigInt(this.#received) };
    const answers = this.#caller.stream(
      (client, call) => client.downloadJobOutputs(request, call),
      this.#signal,
    );
    for await (const { totalBytes, data, crc32: expected } of answers) {
      if (data.length > 0) this.#take(data);
      else if (expected === undefined) this.#outputs ??= new Uint8Array(sizeOf(totalBytes));
      else return this.#finish(expected);
    }
    throw new SpiderError('unavailable', 'storage stopped telling the outputs');
  }

  #take(data: Uint8Array): void {
    const outputs = this.#outputs;
    if (outputs === undefined || data.length > outputs.length - this.#received) {
      throw new SpiderError('internal', 'storage sends more outputs than it has announced');
    }
    outputs.set(data, this.#received);
    this.#received += data.length;
    this.#crc = crc32(data, this.#crc);
    this.#failures = 0;
  }

  #finish(expected: number): Uint8Array {
    if (this.#outputs === undefined || this.#received < this.#outputs.length) {
      throw new SpiderError('internal', 'storage sends fewer outputs than it has announced');
    }
    if (this.#crc !== expected) {
      throw new SpiderError(
        'internal',
        `the outputs of job ${this.#jobId} were damaged on the way`,
      );
    }
    return this.#outputs;
  }
}

function sizeOf(totalBytes: bigint): number {
  // With the option byte.
  if (totalBytes <= BigInt(LIMITS.jobOutputBytes + 1)) return Number(totalBytes);
  throw new SpiderError(
    'resource-exhausted',
    `the outputs have ${totalBytes} bytes, more than ${LIMITS.jobOutputBytes}`,
  );
}
