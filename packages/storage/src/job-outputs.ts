import { failedPrecondition, JobState, LIMITS, notFound, SpiderError } from '@spider/core';
import type { JobId } from '@spider/core';
import { describeState } from './cache/job-status.ts';
import type { JobStatus } from './cache/job-status.ts';
import { BlobKind } from './db/job-store.ts';
import type { JobStore } from './db/job-store.ts';

export interface JobOutputsOptions {
  readonly store: Pick<JobStore, 'readBlob' | 'readBlobBytes' | 'readBlobPart'>;
  /** @throws SpiderError 'not-found' */
  readonly status: (id: JobId) => Promise<JobStatus>;
}

/** What is left of a job's outputs, to be read piece by piece. */
export interface OutputPieces {
  /** Bytes of all outputs. */
  readonly totalBytes: number;
  readonly pieces: AsyncIterable<Uint8Array>;
}

/**
 * The outputs of jobs that have succeeded: an option byte, then a wire frame. All methods throw
 * SpiderError 'failed-precondition' of any other job, and 'not-found' of none.
 */
export class JobOutputs {
  readonly #options: JobOutputsOptions;

  constructor(options: JobOutputsOptions) {
    this.#options = options;
  }

  /** @throws SpiderError 'resource-exhausted' if they have more bytes than that. */
  async whole(id: JobId, mostBytes: number): Promise<Uint8Array> {
    await this.#checkState(id);
    const { store } = this.#options;
    const first = await store.readBlobPart(id, BlobKind.Outputs, 0);
    if (first === undefined) throw lost(id);
    if (first.length < LIMITS.blobRowBytes) return first;
    const bytes = await this.#bytes(id);
    if (bytes > mostBytes) {
      throw new SpiderError(
        'resource-exhausted',
        `the outputs of job ${id} have ${bytes} bytes, more than the ${mostBytes} of a message; ` +
          `DownloadJobOutputs answers them in pieces`,
      );
    }
    const outputs = await store.readBlob(id, BlobKind.Outputs);
    if (outputs === undefined) throw lost(id);
    return outputs;
  }

  /** What they have from `offset` on. Each piece is read from the database when it is asked for. */
  async pieces(id: JobId, offset: number): Promise<OutputPieces> {
    await this.#checkState(id);
    const totalBytes = await this.#bytes(id);
    return { totalBytes, pieces: this.#read(id, offset, totalBytes) };
  }

  async *#read(id: JobId, offset: number, totalBytes: number): AsyncGenerator<Uint8Array, void> {
    for (let at = offset; at < totalBytes;) {
      const part = Math.floor(at / LIMITS.blobRowBytes);
      const bytes = await this.#options.store.readBlobPart(id, BlobKind.Outputs, part);
      const piece = bytes?.subarray(at - part * LIMITS.blobRowBytes);
      // It was deleted in the meantime.
      if (piece === undefined || piece.length === 0) throw notFound(`job ${id} does not exist`);
      yield piece;
      at += piece.length;
    }
  }

  async #bytes(id: JobId): Promise<number> {
    const bytes = await this.#options.store.readBlobBytes(id, BlobKind.Outputs);
    if (bytes === undefined) throw lost(id);
    return bytes;
  }

  async #checkState(id: JobId): Promise<void> {
    const status = await this.#options.status(id);
    if (status.state === JobState.Succeeded) return;
    throw failedPrecondition(`${describeState(status)}; it has outputs once it is SUCCEEDED`);
  }
}

const lost = (id: JobId): SpiderError => new SpiderError('internal', `job ${id} lacks its outputs`);
