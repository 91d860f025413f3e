import { SpiderError } from '@spider/core';
import type { JobId } from '@spider/core';
import { backoffDelayMs, DEFAULT_BACKOFF } from '@spider/runtime';
import type { Clock, Logger, Rng, Timer } from '@spider/runtime';
import type { ChangeResult, CommitBatch, JobStateChange, JobStore } from '../db/job-store.ts';
import { SupersededError } from '../db/store-error.ts';
import type { JobJournal } from './job-journal.ts';

export interface JournalOptions {
  readonly store: Pick<JobStore, 'commit'>;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  /** The longest that records wait for company. Default 5. */
  readonly flushIntervalMs?: number | undefined;
  /** So many records do not wait. Default 1,024. */
  readonly flushRecords?: number | undefined;
  /** Unflushed bytes beyond which `hasRoom` says no. Default 64 MiB. */
  readonly capacityBytes?: number | undefined;
  /** A job's records cannot be written, and not because the database is away. */
  readonly onJobBroken: (jobId: JobId, error: unknown) => void;
  /** Nothing can be written any more: another storage has taken over. */
  readonly onSuperseded: (error: SupersededError) => void;
}

interface PendingChange {
  readonly change: JobStateChange;
  readonly resolve: (result: ChangeResult) => void;
  readonly reject: (error: unknown) => void;
}

/** What one flush writes: of each job its new records, then its change of state. */
interface Flush {
  readonly jobs: Map<JobId, JobJournal>;
  readonly changes: PendingChange[];
  /** All appends up to this number are in this flush or in an earlier one. */
  ticket: number;
  bytes: number;
  records: number;
}

const emptyFlush = (): Flush => ({
  jobs: new Map(),
  changes: [],
  ticket: 0,
  bytes: 0,
  records: 0,
});

/**
 * The one road to the database for what running jobs do: finished attempts and changes of state, in
 * the order in which they took effect. One flush is under way at a time and is repeated until it is
 * durable; what comes meanwhile gathers for the next one. A change of state is flushed at once,
 * attempts wait a moment for company.
 *
 * Each append has a number. All appends up to `flushed` are durable.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #flushIntervalMs: number;
  readonly #flushRecords: number;
  readonly #capacityBytes: number;
  readonly #listeners = new Set<() => void>();
  #next = emptyFlush();
  #underway: Flush | undefined;
  #appended = 0;
  #flushed = 0;
  #timer: Timer | undefined;
  #isDue = false;
  #failure: Error | undefined;
  readonly #stop = new AbortController();
  #flushWaiters: (() => void)[] = [];

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#flushIntervalMs = options.flushIntervalMs ?? 5;
    this.#flushRecords = options.flushRecords ?? 1024;
    this.#capacityBytes = options.capacityBytes ?? 64 * 1024 * 1024;
  }

  /** The number of the last append. */
  get appended(): number {
    return this.#appended;
  }

  /** All appends up to this number are durable. */
  get flushed(): number {
    return this.#flushed;
  }

  /** Whether more may be appended. If not, it will again after a flush. */
  get hasRoom(): boolean {
    return this.#next.bytes + (this.#underway?.bytes ?? 0) < this.#capacityBytes;
  }

  /** Resolves when `hasRoom` says yes, or nothing is written any more. */
  async whenRoom(): Promise<void> {
    while (!this.hasRoom && this.#failure === undefined) {
      const flushed = Promise.withResolvers<void>();
      this.#flushWaiters.push(flushed.resolve);
      await flushed.promise;
    }
  }

  /** Calls back after every flush. Answers how to stop that. */
  onFlush(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes finished attempts of one job, encoded, `count` of them. They are durable some time later. */
  append(job: JobJournal, records: Uint8Array, count: number): void {
    if (this.#failure !== undefined) return;
    this.#appended += 1;
    const next = this.#next;
    next.ticket = this.#appended;
    next.bytes += records.length;
    next.records += count;
    next.jobs.set(job.jobId, job);
    job.add(records);
    if (next.records >= this.#flushRecords) this.#flushSoon();
    else this.#timer ??= this.#startTimer();
  }

  /**
   * Makes a change of state durable, together with all that was appended before.
   *
   * @throws SupersededError, or whatever keeps this change from ever being written.
   */
  commit(change: JobStateChange): Promise<ChangeResult> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#next.changes.push({ change, resolve, reject });
      this.#flushSoon();
    });
  }

  /** Resolves when all that was appended or committed so far is durable, or cannot be any more. */
  async flush(): Promise<void> {
    while (this.#failure === undefined && !this.#isIdle()) {
      const flushed = Promise.withResolvers<void>();
      this.#flushWaiters.push(flushed.resolve);
      this.#flushSoon();
      await flushed.promise;
    }
  }

  /** Writes nothing more, not even what is still waiting; `commit` rejects from now on. */
  close(): void {
    this.#fail(new SpiderError('unavailable', 'storage is stopping'));
  }

  #isIdle(): boolean {
    const { jobs, changes } = this.#next;
    return this.#underway === undefined && jobs.size === 0 && changes.length === 0;
  }

  #startTimer(): Timer {
    return this.#options.clock.setTimer(this.#flushIntervalMs, () => {
      this.#timer = undefined;
      this.#flushSoon();
    });
  }

  /** Starts a flush at the end of this turn, or when the one that is under way has ended. */
  #flushSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    if (this.#underway === undefined) this.#options.clock.defer(() => void this.#run());
  }

  async #run(): Promise<void> {
    if (this.#underway !== undefined) return;
    while (this.#isDue) {
      this.#isDue = false;
      this.#timer?.cancel();
      this.#timer = undefined;
      const flush = this.#next;
      this.#underway = flush;
      this.#next = emptyFlush();
      await this.#write(flush);
      this.#underway = undefined;
      this.#settled(flush);
    }
  }

  #settled(flush: Flush): void {
    if (this.#failure === undefined) {
      this.#flushed = Math.max(this.#flushed, flush.ticket);
      for (const listener of this.#listeners) listener();
    }
    this.#wakeWaiters();
  }

  #wakeWaiters(): void {
    const waiters = this.#flushWaiters;
    this.#flushWaiters = [];
    for (const waiter of waiters) waiter();
  }

  async #write(flush: Flush): Promise<void> {
    const batch = toBatch(flush);
    try {
      settle(flush.changes, await this.#commitUntilDurable(batch));
    } catch (error) {
      if (this.#isFinal(error)) this.#giveUp(flush, error);
      else await this.#writeJobByJob(flush, batch);
    }
  }

  /** Something in the flush cannot be written. It must not keep the other jobs from going on. */
  async #writeJobByJob(flush: Flush, batch: CommitBatch): Promise<void> {
    const jobIds = new Set([...flush.jobs.keys(), ...batch.changes.map((change) => change.jobId)]);
    for (const jobId of jobIds) {
      const changes = flush.changes.filter(({ change }) => change.jobId === jobId);
      const part = {
        journal: batch.journal.filter((row) => row.jobId === jobId),
        changes: changes.map(({ change }) => change),
      };
      try {
        settle(changes, await this.#commitUntilDurable(part));
      } catch (error) {
        if (this.#isFinal(error)) return this.#giveUp(flush, error);
        for (const { reject } of changes) reject(error);
        this.#options.logger.error('a job cannot be written', { jobId, error });
        this.#options.onJobBroken(jobId, error);
      }
    }
  }

  async #commitUntilDurable(batch: CommitBatch): Promise<readonly ChangeResult[]> {
    const { rng, store, logger } = this.#options;
    for (let attempt = 0; ; attempt++) {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        return await store.commit(batch);
      } catch (error) {
        if (!(error instanceof SpiderError) || error.code !== 'unavailable') throw error;
        const delayMs = backoffDelayMs(attempt, DEFAULT_BACKOFF, rng);
        logger.warn('a flush failed and is repeated', { attempt, delayMs, error });
        await this.#sleep(delayMs);
      }
    }
  }

  async #sleep(delayMs: number): Promise<void> {
    const { signal } = this.#stop;
    await this.#options.clock.sleep(delayMs, { signal }).catch(() => undefined);
  }

  /** Whether nothing can be written after this error. */
  #isFinal(error: unknown): error is Error {
    return error instanceof SupersededError || error === this.#failure;
  }

  #giveUp(flush: Flush, error: Error): void {
    const isNews = this.#failure === undefined;
    this.#fail(error);
    for (const { reject } of flush.changes) reject(error);
    if (isNews && error instanceof SupersededError) this.#options.onSuperseded(error);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { reject } of this.#next.changes) reject(error);
    this.#next = emptyFlush();
    this.#stop.abort();
    this.#wakeWaiters();
  }
}

function toBatch(flush: Flush): CommitBatch {
  const changes = flush.changes.map(({ change }) => change);
  for (const change of changes) {
    // Written now and deleted in the same transaction: not written at all.
    if (change.deleteJournal) flush.jobs.get(change.jobId)?.discard();
  }
  const journal = [];
  for (const job of flush.jobs.values()) journal.push(...job.takeRows());
  return { journal, changes };
}

function settle(changes: readonly PendingChange[], results: readonly ChangeResult[]): void {
  changes.forEach(({ resolve, reject }, at) => {
    const result = results[at];
    if (result === undefined) reject(new Error('the store answered too few changes'));
    else resolve(result);
  });
}
