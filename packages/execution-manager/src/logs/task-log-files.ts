import { appendFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const SUFFIX = '.jsonl';
/** How much is left when files had to go because there were too many bytes. */
const LEFT_SHARE = 0.9;

interface LogFile {
  bytes: number;
  lastMs: number;
}

/** The folder of log files, one for each job: how large they are, and which of them have to go. */
export class TaskLogFiles {
  readonly #directory: string;
  readonly #files: Map<string, LogFile>;
  #bytes = 0;

  private constructor(directory: string, files: Map<string, LogFile>) {
    this.#directory = directory;
    this.#files = files;
    for (const { bytes } of files.values()) this.#bytes += bytes;
  }

  /** Makes the folder, or finds what is in it. */
  static async open(directory: string): Promise<TaskLogFiles> {
    await mkdir(directory, { recursive: true });
    const files = new Map<string, LogFile>();
    for (const name of await readdir(directory)) {
      const [, jobId] = /^(\d{1,20})\.jsonl$/.exec(name) ?? [];
      const found = jobId && (await stat(join(directory, name)).catch(() => undefined));
      if (jobId && found) files.set(jobId, { bytes: found.size, lastMs: found.mtimeMs });
    }
    return new TaskLogFiles(directory, files);
  }

  bytesOf(jobId: string): number {
    return this.#files.get(jobId)?.bytes ?? 0;
  }

  /** When something was written last to the file that was left alone for longest. */
  get oldestMs(): number | undefined {
    let oldest: number | undefined;
    for (const { lastMs } of this.#files.values()) oldest = Math.min(oldest ?? lastMs, lastMs);
    return oldest;
  }

  async append(jobId: string, text: string, nowMs: number): Promise<void> {
    await appendFile(taskLogPath(this.#directory, jobId), text);
    const bytes = Buffer.byteLength(text);
    const file = this.#files.get(jobId);
    if (file === undefined) this.#files.set(jobId, { bytes, lastMs: nowMs });
    else {
      file.bytes += bytes;
      file.lastMs = nowMs;
    }
    this.#bytes += bytes;
  }

  /** Deletes what was left alone since `beforeMs`, and if there is too much the oldest of the rest. */
  async prune(beforeMs: number, maxBytes: number): Promise<void> {
    const isTooMuch = this.#bytes > maxBytes;
    const oldestFirst = [...this.#files].sort(([, a], [, b]) => a.lastMs - b.lastMs);
    for (const [jobId, { bytes, lastMs }] of oldestFirst) {
      if (lastMs >= beforeMs && !(isTooMuch && this.#bytes > maxBytes * LEFT_SHARE)) return;
      await rm(taskLogPath(this.#directory, jobId), { force: true });
      this.#files.delete(jobId);
      this.#bytes -= bytes;
    }
  }
}

/** Where the lines of a job's tasks are kept. */
export const taskLogPath = (directory: string, jobId: string): string =>
  join(directory, `${jobId}${SUFFIX}`);
