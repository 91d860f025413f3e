import type { Logger } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { JobCache } from '../cache/job-cache.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';

export interface OutputMemoryOptions {
  readonly logger: Logger;
  readonly cache: JobCache;
  readonly runner: Pick<EffectRunner, 'note'>;
  /** Beyond this what the journal has leaves memory. */
  readonly quotaBytes: number;
}

/** What leaves at a time, and how much has to come before the next try if not enough could. */
const FRACTION_SPILLED = 1 / 8;
const FRACTION_GROWN = 1 / 16;

/**
 * Watches how much memory the outputs of finished tasks take, of all jobs together. What exceeds the
 * quota, and is durable in the journal, stays there alone until somebody needs it.
 */
export class OutputMemory {
  readonly #options: OutputMemoryOptions;
  #totalBytes = 0;
  #tryAbove = 0;
  #hasSpilled = false;

  constructor(options: OutputMemoryOptions) {
    this.#options = options;
  }

  /** Bytes at the last look at each job. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Looks at a job whose outputs have changed. */
  count(job: Job): void {
    const bytes = job.machine.payloadBytes;
    this.#totalBytes += bytes - job.outputBytes;
    job.outputBytes = bytes;
  }

  /** A job has ended. */
  forget(job: Job): void {
    this.#totalBytes -= job.outputBytes;
    job.outputBytes = 0;
  }

  /** Sees to it that the quota is kept, as far as the journal allows. */
  check(): void {
    const { quotaBytes } = this.#options;
    if (this.#totalBytes <= Math.max(quotaBytes, this.#tryAbove)) return;
    this.#spillDownTo(quotaBytes * (1 - FRACTION_SPILLED));
    const isKept = this.#totalBytes <= quotaBytes;
    this.#tryAbove = isKept ? 0 : this.#totalBytes + quotaBytes * FRACTION_GROWN;
  }

  #spillDownTo(targetBytes: number): void {
    const { cache, runner, logger, quotaBytes } = this.#options;
    const before = this.#totalBytes;
    const jobs = [...cache.jobs()].filter(({ outputBytes }) => outputBytes > 0);
    jobs.sort((a, b) => b.outputBytes - a.outputBytes);
    for (const job of jobs) {
      if (this.#totalBytes <= targetBytes) break;
      runner.note(job, { type: 'spill', bytes: this.#totalBytes - targetBytes });
      this.count(job);
    }
    if (this.#hasSpilled || this.#totalBytes === before) return;
    this.#hasSpilled = true;
    logger.info('outputs exceed their memory; the journal alone has the rest from now on', {
      quotaBytes,
    });
  }
}
