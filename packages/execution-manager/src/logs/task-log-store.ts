import { droppedOutputText } from '@spider/core';
import type { Clock, Logger, Timer } from '@spider/runtime';
import type { LogEntry, LogSink } from './log-entry.ts';
import { TaskLogFiles } from './task-log-files.ts';

/** What may wait to be written; more is dropped rather than to hold up tasks. */
const WAITING_BYTES = 8 * 1024 * 1024;
/** Of all that is kept, what one job may have. */
const JOB_SHARE = 0.25;
/** What timers can be set to. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface TaskLogStoreOptions {
  readonly directory: string;
  /** Of all files together; the oldest ones go first. */
  readonly maxBytes: number;
  /** How long the lines of a job are kept after the last of them. */
  readonly retentionMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Settling {
  /** Rounds of writing that have to end before. */
  rounds: number;
  readonly done: () => void;
}

/**
 * Keeps the lines of tasks in files, one for each job, for `readTaskLog`. Never holds up a task: what
 * cannot be written in time is dropped, and how much it was is kept.
 */
export class TaskLogStore implements LogSink, AsyncDisposable {
  readonly #options: TaskLogStoreOptions;
  readonly #files: TaskLogFiles;
  #waiting = new Map<string, string[]>();
  #waitingBytes = 0;
  readonly #dropped = new Map<string, number>();
  readonly #full = new Set<string>();
  #writing: Promise<void> | undefined;
  /** Those who wait until what was to be written when they came is written. */
  #settling: Settling[] = [];
  readonly #followers = new Map<string, Set<() => void>>();
  #hasFailed = false;
  #timer: Timer | undefined;

  private constructor(options: TaskLogStoreOptions, files: TaskLogFiles) {
    this.#options = options;
    this.#files = files;
  }

  /** @throws Error if the folder cannot be made or read. */
  static async open(options: TaskLogStoreOptions): Promise<TaskLogStore> {
    const store = new TaskLogStore(options, await TaskLogFiles.open(options.directory));
    await store.#prune();
    return store;
  }

  write(entries: readonly LogEntry[]): boolean {
    for (const entry of entries) if (entry.task !== undefined) this.#add(entry, entry.task.jobId);
    this.#writing ??= this.#waiting.size > 0 ? this.#writeAll() : undefined;
    return true;
  }

  get directory(): string {
    return this.#options.directory;
  }

  /** Calls back each time when lines of a job were added to its file. Answers how to stop that. */
  follow(jobId: string, callback: () => void): () => void {
    const followers = this.#followers.get(jobId) ?? new Set();
    this.#followers.set(jobId, followers);
    followers.add(callback);
    return () => {
      followers.delete(callback);
      if (followers.size === 0) this.#followers.delete(jobId);
    };
  }

  /** Resolves when the lines so far are in the files, or are given up; further ones may still come. */
  async settled(): Promise<void> {
    if (this.#writing === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    // The round that is under way has left behind what came after its beginning.
    this.#settling.push({ rounds: this.#waiting.size > 0 ? 2 : 1, done: resolve });
    await promise;
  }

  /** It never asks to wait. */
  onDrain(): void {}

  /** Resolves when all lines so far are in the files. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    await this.flush();
    this.#timer?.cancel();
  }

  #add(entry: LogEntry, jobId: string): void {
    const line = formatLine(entry);
    if (this.#full.has(jobId)) return;
    if (this.#waitingBytes + line.length > WAITING_BYTES) {
      this.#dropped.set(jobId, (this.#dropped.get(jobId) ?? 0) + entry.text.length);
      return;
    }
    const lines = this.#waiting.get(jobId);
    if (lines === undefined) this.#waiting.set(jobId, [line]);
    else lines.push(line);
    this.#waitingBytes += line.length;
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.size > 0) {
        const waiting = this.#waiting;
        this.#waiting = new Map();
        this.#waitingBytes = 0;
        for (const [jobId, lines] of waiting) await this.#append(jobId, lines);
        await this.#prune();
        this.#endRound();
      }
    } catch (error) {
      // A full disk is no reason to stop work. Said once, or it would fill another one.
      if (!this.#hasFailed) this.#options.logger.error('the logs of tasks are not kept', { error });
      this.#hasFailed = true;
    } finally {
      this.#writing = undefined;
      for (const { done } of this.#settling) done();
      this.#settling = [];
    }
  }

  #endRound(): void {
    for (const settling of this.#settling) settling.rounds -= 1;
    for (const { rounds, done } of this.#settling) if (rounds <= 0) done();
    this.#settling = this.#settling.filter(({ rounds }) => rounds > 0);
  }

  async #append(jobId: string, lines: string[]): Promise<void> {
    const nowMs = this.#options.clock.now();
    const dropped = this.#dropped.get(jobId);
    if (dropped !== undefined && this.#dropped.delete(jobId)) {
      lines.push(formatLine({ timeMs: nowMs, task: undefined, text: droppedOutputText(dropped) }));
    }
    if (this.#files.bytesOf(jobId) >= this.#options.maxBytes * JOB_SHARE) {
      if (this.#full.has(jobId)) return;
      this.#full.add(jobId);
      const text = 'no more is kept of this job: its lines take a quarter of all that may be kept';
      lines = [formatLine({ timeMs: nowMs, task: undefined, text })];
    }
    await this.#files.append(jobId, lines.join(''), nowMs);
    this.#hasFailed = false;
    for (const follower of this.#followers.get(jobId) ?? []) follower();
  }

  /** Lets go of what is old or too much, and comes back when the next file is old. */
  async #prune(): Promise<void> {
    const { clock, retentionMs, maxBytes } = this.#options;
    await this.#files.prune(clock.now() - retentionMs, maxBytes);
    for (const jobId of this.#full) if (this.#files.bytesOf(jobId) === 0) this.#full.delete(jobId);
    const { oldestMs } = this.#files;
    this.#timer?.cancel();
    if (oldestMs === undefined) return;
    const dueInMs = Math.max(1, oldestMs + retentionMs - clock.now() + 1);
    this.#timer = clock.setTimer(Math.min(dueInMs, TIMER_MS_MAX), () => {
      this.#prune().catch((error: unknown) => {
        this.#options.logger.warn('old logs of tasks cannot be deleted', { error });
      });
    });
  }
}

function formatLine({ timeMs, task, text }: LogEntry): string {
  const ids = task && {
    task: task.taskIndex,
    instance: task.taskInstanceId,
    ...(task.isStderr && { stderr: true }),
  };
  const json = JSON.stringify({ time: timeMs, ...ids, text });
  // Some readers take these for the end of a line.
  return `${json.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}\n`;
}
