import { SpiderError } from '@spider/core';
import type { JobId } from '@spider/core';
import { retry } from '@spider/runtime';
import type { Clock, Logger, Rng } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { JobStore, JournalRow } from '../db/job-store.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import { JournalDecoder } from '../journal/journal-record.ts';
import type { JournalRange, RecallEffect } from '../machine/job-effect.ts';

export interface OutputReaderOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly store: Pick<JobStore, 'readJournal'>;
  readonly runner: Pick<EffectRunner, 'note' | 'fail'>;
  /** What was read back is there: now is the time to lease. */
  readonly onRecalled: (job: Job) => void;
}

/** Jobs whose outputs are read back at the same time: their bytes come on top of the quota. */
const READS_MAX = 2;
/** Rows of at most a MiB that are read at once. */
const ROWS_PER_PAGE = 4;

/** Reads outputs back from the journal that had left memory. */
export class OutputReader {
  readonly #options: OutputReaderOptions;
  readonly #waiting: { readonly job: Job; readonly effect: RecallEffect }[] = [];
  readonly #stop = new AbortController();
  #reads = 0;

  constructor(options: OutputReaderOptions) {
    this.#options = options;
  }

  /** Jobs whose outputs are being read back, or wait for that. */
  get recalls(): number {
    return this.#reads + this.#waiting.length;
  }

  /** Does what a job asks for; a database that is away is asked again until it answers. */
  recall(job: Job, effect: RecallEffect): void {
    this.#waiting.push({ job, effect });
    if (this.#reads < READS_MAX) void this.#run();
  }

  close(): void {
    this.#waiting.length = 0;
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    this.#reads += 1;
    // Whoever has led to this is not through with it.
    await Promise.resolve();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#read(next.job, next.effect);
    }
    this.#reads -= 1;
  }

  async #read(job: Job, { recall, ranges }: RecallEffect): Promise<void> {
    const { runner, clock, logger } = this.#options;
    try {
      for (const range of ranges) {
        if (isWanted(job, recall)) await this.#readRange(job, recall, range);
      }
      runner.note(job, { type: 'recall-ended', recall, at: clock.now() });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      logger.error('outputs of a job cannot be read back', { jobId: job.id, error });
      const reason = error instanceof Error ? error.message : String(error);
      runner.fail(job, `its outputs could not be read back: ${reason}`);
    }
    this.#options.onRecalled(job);
  }

  async #readRange(job: Job, recall: number, { after, last }: JournalRange): Promise<void> {
    const decoder = new JournalDecoder();
    for (let read = after; read < last;) {
      const rows = await this.#readRows(job.id, read, Math.min(last - read, ROWS_PER_PAGE));
      // It may have ended meanwhile, and its journal with it.
      if (!isWanted(job, recall)) return;
      for (const { sequence, records } of rows) {
        read = sequence;
        for (const attempts of decoder.push(records)) {
          this.#options.runner.note(job, { type: 'recalled', recall, ...attempts });
        }
      }
      // The job will find out what it lacks.
      if (rows.length === 0) break;
    }
    decoder.end();
  }

  async #readRows(id: JobId, after: number, limit: number): Promise<readonly JournalRow[]> {
    const { clock, rng, logger, store } = this.#options;
    return await retry(() => store.readJournal(id, after, limit), {
      clock,
      rng,
      signal: this.#stop.signal,
      maxRetries: Infinity,
      isRetryable: (error) => error instanceof SpiderError && error.code === 'unavailable',
      onRetry: (error, delayMs) =>
        logger.warn('outputs are read back later', { jobId: id, delayMs, error }),
    });
  }
}

const isWanted = ({ isBroken, machine }: Job, recall: number): boolean =>
  !isBroken && machine.isRecalling(recall);
