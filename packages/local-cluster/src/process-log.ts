import { open, type FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const RECENT_LINES = 20;
const RECENT_BYTES = 64 * 1024;

/** Where the stderr of one run of a process goes. */
export interface ProcessLog {
  /** What to give to the process for its stderr. */
  readonly stdio: 'pipe' | number;
  /** Takes the stream, where `stdio` is a pipe. */
  take(stderr: Readable): void;
  recentLines(): Promise<string[]>;
  close(): Promise<void>;
}

/** A log that goes to a callback, line by line, or is appended to a file without passing by here. */
export async function openLog(target: string | ((line: string) => void)): Promise<ProcessLog> {
  if (typeof target === 'string') return new LogFile(await open(target, 'a+'));
  return new LogPipe(target);
}

class LogFile implements ProcessLog {
  readonly #file: FileHandle;
  #recent: string[] | undefined;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  get stdio(): number {
    return this.#file.fd;
  }

  take(): void {}

  async recentLines(): Promise<string[]> {
    if (this.#recent !== undefined) return this.#recent;
    const { size } = await this.#file.stat();
    const start = Math.max(0, size - RECENT_BYTES);
    const { buffer, bytesRead } = await this.#file.read({
      buffer: Buffer.alloc(size - start),
      position: start,
    });
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    return lines.filter((line) => line !== '').slice(-RECENT_LINES);
  }

  async close(): Promise<void> {
    if (this.#recent !== undefined) return;
    this.#recent = await this.recentLines();
    await this.#file.close();
  }
}

class LogPipe implements ProcessLog {
  readonly stdio = 'pipe';
  readonly #onLine: (line: string) => void;
  readonly #recent: string[] = [];
  #ended: Promise<void> = Promise.resolve();

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  take(stderr: Readable): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    stderr.on('error', () => undefined);
    createInterface({ input: stderr })
      .on('line', (line) => {
        this.#recent.push(line);
        if (this.#recent.length > RECENT_LINES) this.#recent.shift();
        this.#onLine(line);
      })
      .on('close', resolve);
  }

  async recentLines(): Promise<string[]> {
    return [...this.#recent];
  }

  async close(): Promise<void> {
    await this.#ended;
  }
}
