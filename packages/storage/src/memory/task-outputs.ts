import type { Clock, Logger, Rng } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { JobCache } from '../cache/job-cache.ts';
import type { JobStore } from '../db/job-store.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import { wakeLeases } from '../effects/wake.ts';
import type { Journal } from '../journal/journal.ts';
import type { RecallEffect } from '../machine/job-effect.ts';
import { OutputMemory } from './output-memory.ts';
import { OutputReader } from './output-reader.ts';

export interface TaskOutputsOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly store: Pick<JobStore, 'readJournal'>;
  readonly cache: JobCache;
  readonly journal: Pick<Journal, 'onFlush'>;
  readonly runner: Pick<EffectRunner, 'note' | 'fail'>;
  /** Beyond this what the journal has leaves memory. */
  readonly quotaBytes: number;
}

/** The outputs of finished tasks: in memory within a quota, and read back from the journal beyond. */
export class TaskOutputs {
  readonly memory: OutputMemory;
  readonly #clock: Clock;
  readonly #reader: OutputReader;

  constructor({
    clock,
    rng,
    logger,
    store,
    cache,
    journal,
    runner,
    quotaBytes,
  }: TaskOutputsOptions) {
    this.#clock = clock;
    this.memory = new OutputMemory({ logger, cache, runner, quotaBytes });
    journal.onFlush(() => this.memory.check());
    this.#reader = new OutputReader({
      clock,
      rng,
      logger,
      store,
      runner,
      onRecalled: (job) => this.#recalled(job),
    });
  }

  /** Jobs whose outputs are being read back, or wait for that. */
  get recalls(): number {
    return this.#reader.recalls;
  }

  /** Outputs that a job has asked for are to be read back. */
  recall(job: Job, effect: RecallEffect): void {
    this.#reader.recall(job, effect);
  }

  close(): void {
    this.#reader.close();
  }

  /** Who waits for outputs takes them before they can leave memory again. */
  #recalled(job: Job): void {
    wakeLeases(job);
    this.memory.count(job);
    this.#clock.defer(() => this.memory.check());
  }
}
