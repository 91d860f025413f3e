import type { Clock, Logger } from '@spider/runtime';
import { retentionTimes } from '../config.ts';
import type { StorageConfig } from '../config.ts';
import type { Store } from '../db/job-store.ts';
import type { Jobs } from '../jobs.ts';
import { JobRetention } from './job-retention.ts';
import { PeerRetention } from './peer-retention.ts';

export interface RetentionOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: StorageConfig;
  readonly store: Pick<Store, 'jobs' | 'cluster'>;
  readonly jobs: Pick<Jobs, 'delete' | 'cancel'>;
}

/** What leaves the database with time: jobs, and processes that were. */
export class Retention implements Disposable {
  readonly #ofJobs: JobRetention;
  readonly #ofPeers: PeerRetention;

  constructor({ clock, logger, config, store, jobs }: RetentionOptions) {
    this.#ofJobs = new JobRetention({
      clock,
      logger,
      times: retentionTimes(config),
      oldestJobs: (state, limit) => store.jobs.listOldestJobs(state, limit),
      deleteJob: (id) => jobs.delete(id),
      expireJob: async (id) => void (await jobs.cancel(id, expiryReason(config))),
    });
    this.#ofPeers = new PeerRetention({
      clock,
      logger,
      store: store.cluster,
      retentionMs: config.runtime.retention.ended_process_sec * 1000,
    });
  }

  start(): void {
    this.#ofJobs.start();
    this.#ofPeers.start();
  }

  [Symbol.dispose](): void {
    this.#ofJobs[Symbol.dispose]();
    this.#ofPeers[Symbol.dispose]();
  }
}

const expiryReason = ({ runtime: { retention } }: StorageConfig): string =>
  `nobody had started it ${retention.never_started_job_sec} s after its submission`;
