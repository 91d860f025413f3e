import { droppedOutputText, type LogMark, logMarkPrefix, parseLogMark } from '@spider/core';
import type { Clock } from '@spider/runtime';
import { LineSplitter } from './line-splitter.ts';
import type { LogEntry } from './log-entry.ts';

/** What no task has written is not more than this at once … */
const BURST_BYTES = 4 * 1024 * 1024;
/** … and in each second after that. */
const BYTES_PER_SECOND = 1024 * 1024;
/** How V8 begins its last words. */
const LAST_WORDS = Buffer.from('FATAL ERROR: ');
const OUT_OF_MEMORY = /out of memory|heap limit|allocation failed/i;

export interface ExecutorOutputOptions {
  readonly clock: Clock;
  /** By this an executor of ours says whose the next lines are. */
  readonly token: string;
  /** Longer lines are cut. */
  readonly maxLineBytes: number;
  /** What a task prints beyond this is dropped, and how much it was is said. */
  readonly maxTaskBytes: number;
  readonly take: (entries: readonly LogEntry[]) => void;
}

/** Makes log entries of what one executor process writes, and keeps them within bounds. */
export class ExecutorOutput {
  readonly #options: ExecutorOutputOptions;
  readonly #mark: Buffer;
  #task: LogMark | undefined;
  #taskBytes = 0;
  #droppedBytes = 0;
  #allowance = BURST_BYTES;
  #allowanceAtMs: number;
  #isOutOfMemory = false;

  constructor(options: ExecutorOutputOptions) {
    this.#options = options;
    this.#mark = Buffer.from(logMarkPrefix(options.token));
    this.#allowanceAtMs = options.clock.now();
  }

  /** Whether Node has said, as its last words, that there is no more memory. */
  get isOutOfMemory(): boolean {
    return this.#isOutOfMemory;
  }

  /**
   * One of the streams that the process writes.
   *
   * @param isStdout whether it is what goes around the executor to stdout; all else is in the other one.
   */
  stream(isStdout = false): LineSplitter {
    return new LineSplitter(this.#options.maxLineBytes, (lines) => this.#push(lines, isStdout));
  }

  /** The process is gone. */
  end(): void {
    const entries: LogEntry[] = [];
    this.#turnTo(undefined, this.#options.clock.now(), entries);
    if (entries.length > 0) this.#options.take(entries);
  }

  #push(lines: readonly Buffer[], isStdout: boolean): void {
    const timeMs = this.#options.clock.now();
    const entries: LogEntry[] = [];
    for (const line of lines) {
      const mark = this.#mark;
      if (line[0] === mark[0] && line.subarray(0, mark.length).equals(mark)) {
        this.#turnTo(parseLogMark(line.toString('latin1', mark.length)), timeMs, entries);
        continue;
      }
      if (line.subarray(0, LAST_WORDS.length).equals(LAST_WORDS)) {
        this.#isOutOfMemory ||= OUT_OF_MEMORY.test(line.toString());
      }
      if (this.#fits(line.length + 1, timeMs)) {
        const task = isStdout ? onStdout(this.#task) : this.#task;
        entries.push({ timeMs, task, text: line.toString() });
      } else this.#droppedBytes += line.length + 1;
    }
    if (entries.length > 0) this.#options.take(entries);
  }

  #turnTo(task: LogMark | undefined, timeMs: number, entries: LogEntry[]): void {
    const isSame = task !== undefined && task.taskInstanceId === this.#task?.taskInstanceId;
    if (isSame) {
      this.#task = task;
      return;
    }
    this.#sayDropped(timeMs, entries);
    this.#task = task;
    this.#taskBytes = 0;
  }

  #sayDropped(timeMs: number, entries: LogEntry[]): void {
    if (this.#droppedBytes === 0) return;
    entries.push({ timeMs, task: this.#task, text: droppedOutputText(this.#droppedBytes) });
    this.#droppedBytes = 0;
  }

  #fits(bytes: number, nowMs: number): boolean {
    if (this.#task !== undefined) {
      if (this.#taskBytes + bytes > this.#options.maxTaskBytes) return false;
      this.#taskBytes += bytes;
      return true;
    }
    const gained = (Math.max(0, nowMs - this.#allowanceAtMs) / 1000) * BYTES_PER_SECOND;
    this.#allowance = Math.min(BURST_BYTES, this.#allowance + gained);
    this.#allowanceAtMs = nowMs;
    if (this.#allowance < bytes) return false;
    this.#allowance -= bytes;
    return true;
  }
}

const onStdout = (task: LogMark | undefined): LogMark | undefined =>
  task?.isStderr === true ? { ...task, isStderr: false } : task;
