import { SpiderError } from '@spider/core';
import type { JobId } from '@spider/core';
import { backoffDelayMs } from '@spider/runtime';
import type { BackoffPolicy, Clock, Logger, Rng, Timer } from '@spider/runtime';
import type {
  ChangeResult,
  CommitBatch,
  CommitResult,
  JobStateChange,
  JobStore,
  NewJob,
  SubmissionResult,
} from '../db/job-store.ts';
import { isTransient, SupersededError } from '../db/store-error.ts';
import { Flush } from './flush.ts';
import type { FlushPart } from './flush.ts';
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
  /** What a job has in rows so far is durable. */
  readonly onJournaled?: ((journal: JobJournal) => void) | undefined;
  /** A job's records cannot be written, and not because the database is away. */
  readonly onJobBroken: (jobId: JobId, error: unknown) => void;
}

/** What has happened and is not durable yet. */
export interface JournalBacklog {
  /** Attempts, submissions and changes of state. */
  readonly records: number;
  readonly bytes: number;
  readonly lagMs: number;
}

/** Short: what waits is lost if this process and an execution manager die before it is written. */
const REPEAT_BACKOFF: BackoffPolicy = { initialDelayMs: 50, maxDelayMs: 250, jitter: 0.2 };

/**
 * The one road to the database for all that happens to jobs: submissions, finished attempts, changes
 * of state, in the order in which they took effect. One flush is under way at a time and is repeated
 * until it is durable; what comes meanwhile gathers for the next one. Attempts wait a moment for
 * company, all else is flushed at once.
 *
 * Each append has a number. All appends up to `flushed` are durable.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #flushIntervalMs: number;
  readonly #flushRecords: number;
  readonly #capacityBytes: number;
  readonly #listeners = new Set<() => void>();
  #next = new Flush();
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
    return this.unflushedBytes < this.#capacityBytes;
  }

  /** Bytes that wait to be written, or are being written. */
  get unflushedBytes(): number {
    return this.#next.bytes + (this.#underway?.bytes ?? 0);
  }

  /** How many are called back after every flush. */
  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** Resolves when `hasRoom` says yes, or nothing is written any more. */
  async whenRoom(): Promise<void> {
    while (!this.hasRoom && this.#failure === undefined) {
      const flushed = Promise.withResolvers<void>();
      this.#flushWaiters.push(flushed.resolve);
      await flushed.promise;
    }
  }

  /** What waits to be durable, and for how long the oldest of it does. */
  backlog(): JournalBacklog {
    const [next, underway] = [this.#next, this.#underway];
    const oldestUs = underway?.openedUs ?? next.openedUs;
    const nowUs = this.#options.clock.monotonicUs();
    return {
      records: next.count + (underway?.count ?? 0),
      bytes: next.bytes + (underway?.bytes ?? 0),
      lagMs: oldestUs === undefined ? 0 : (nowUs - oldestUs) / 1000,
    };
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
    const next = this.#opened();
    next.ticket = this.#appended;
    next.append(job, records, count);
    if (next.records >= this.#flushRecords) this.flushSoon();
    else this.#timer ??= this.#startTimer();
  }

  /**
   * Enters a new job. Waits while there is no room.
   *
   * @throws whatever keeps this job from ever being written.
   */
  async submit(job: NewJob): Promise<SubmissionResult> {
    if (!this.hasRoom) await this.whenRoom();
    if (this.#failure !== undefined) throw this.#failure;
    const outcome = this.#opened().submit(job);
    this.flushSoon();
    return await outcome;
  }

  /**
   * Makes a change of state durable, together with all that was appended before.
   *
   * @throws SupersededError, or whatever keeps this change from ever being written.
   */
  async commit(change: JobStateChange): Promise<ChangeResult> {
    if (this.#failure !== undefined) throw this.#failure;
    const outcome = this.#opened().change(change);
    this.flushSoon();
    return await outcome;
  }

  /** Has what waits flushed at the end of this turn, or when the flush that is under way has ended. */
  flushSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    if (this.#underway === undefined) this.#options.clock.defer(() => void this.#run());
  }

  /** Resolves when all that was appended or committed so far is durable, or cannot be any more. */
  async flush(): Promise<void> {
    const last = this.#next;
    const isOpen = (flush: Flush | undefined): boolean =>
      flush !== undefined && (flush === this.#underway || (flush === this.#next && !flush.isEmpty));
    const underway = this.#underway;
    if (!last.isEmpty) this.flushSoon();
    while (this.#failure === undefined && (isOpen(underway) || isOpen(last))) {
      const flushed = Promise.withResolvers<void>();
      this.#flushWaiters.push(flushed.resolve);
      await flushed.promise;
    }
  }

  /** Resolves when all appends up to this number are durable, or cannot be any more. */
  async whenFlushed(ticket: number): Promise<void> {
    while (this.#flushed < ticket && this.#failure === undefined) {
      const flushed = Promise.withResolvers<void>();
      this.#flushWaiters.push(flushed.resolve);
      await flushed.promise;
    }
  }

  /** Writes nothing more, not even what is still waiting; `commit` rejects from now on. */
  close(): void {
    this.#fail(new SpiderError('unavailable', 'storage is stopping'));
  }

  /** The flush that takes what comes now. */
  #opened(): Flush {
    this.#next.openedUs ??= this.#options.clock.monotonicUs();
    return this.#next;
  }

  #startTimer(): Timer {
    return this.#options.clock.setTimer(this.#flushIntervalMs, () => {
      this.#timer = undefined;
      this.flushSoon();
    });
  }

  async #run(): Promise<void> {
    if (this.#underway !== undefined) return;
    while (this.#isDue) {
      this.#isDue = false;
      this.#timer?.cancel();
      this.#timer = undefined;
      const flush = this.#next;
      this.#underway = flush;
      this.#next = new Flush();
      await this.#write(flush);
      this.#underway = undefined;
      this.#settled(flush);
    }
  }

  #settled(flush: Flush): void {
    if (this.#failure === undefined) {
      this.#flushed = Math.max(this.#flushed, flush.ticket);
      const { onJournaled } = this.#options;
      if (onJournaled !== undefined) for (const journal of flush.journals()) onJournaled(journal);
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
    const batch = flush.toBatch();
    try {
      flush.settle(await this.#commitUntilDurable(batch));
    } catch (error) {
      if (this.#isFinal(error)) this.#giveUp(flush, error);
      else for (const part of flush.split(batch)) await this.#writePart(part);
    }
  }

  /** Something in the flush cannot be written. It must not keep all else from going on. */
  async #writePart({ flush, batch, jobId }: FlushPart): Promise<void> {
    try {
      flush.settle(await this.#commitUntilDurable(batch));
    } catch (error) {
      if (this.#isFinal(error)) return this.#giveUp(flush, error);
      flush.reject(error);
      if (jobId === undefined) return;
      this.#options.logger.error('a job cannot be written', { jobId, error });
      this.#options.onJobBroken(jobId, error);
    }
  }

  async #commitUntilDurable(batch: CommitBatch): Promise<CommitResult> {
    const { rng, store, logger } = this.#options;
    for (let attempt = 0; ; attempt++) {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        return await store.commit(batch);
      } catch (error) {
        if (!isTransient(error)) throw error;
        const delayMs = backoffDelayMs(attempt, REPEAT_BACKOFF, rng);
        // Once is enough for whoever reads along.
        if (attempt === 0) logger.warn('a flush failed and is repeated', { delayMs, error });
        else logger.debug('a flush failed and is repeated', { attempt, delayMs, error });
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
    this.#fail(error);
    flush.reject(error);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#next.reject(error);
    this.#next = new Flush();
    this.#stop.abort();
    this.#wakeWaiters();
  }
}
