import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Names the file for the stamps to the storage process that makes them. */
export const READY_STAMPS_VARIABLE = 'SPIDER_BENCH_READY_STAMPS';

/** When the tasks of chains became ready, as storage notes it in a file. */
export class ReadyStamps {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = join(directory, 'ready-stamps.jsonl');
  }

  /** For the environment of the storage process. */
  get env(): { readonly NODE_OPTIONS: string; readonly [READY_STAMPS_VARIABLE]: string } {
    const self = fileURLToPath(import.meta.url);
    const preload = pathToFileURL(self.replace(/ready-stamps\.(ts|js)$/, 'stamp-ready.$1'));
    return { NODE_OPTIONS: `--import=${preload.href}`, [READY_STAMPS_VARIABLE]: this.#path };
  }

  /** For each job that has ended, in order: when its tasks became ready, in ms of the monotonic clock. */
  read(): readonly (readonly number[])[] {
    const lines = readFileSync(this.#path, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as readonly number[]);
  }
}

/**
 * From ready to running, in ms, of each task of a chain but the first, which is ready as soon as its job
 * is there.
 *
 * @throws Error unless each became ready once, after the one before it began and before it ran itself.
 */
export function dispatchTimes(readyMs: readonly number[], startsMs: readonly number[]): number[] {
  if (readyMs.length !== startsMs.length - 1) {
    throw new Error(
      `${startsMs.length} tasks ran, and ${readyMs.length} became ready after another`,
    );
  }
  return readyMs.map((ready, at) => {
    const before = startsMs[at] ?? Number.NaN;
    const start = startsMs[at + 1] ?? Number.NaN;
    if (before < ready && ready < start) return start - ready;
    throw new Error(
      `task ${at + 1} became ready at ${ready} and ran at ${start}, task ${at} ran at ${before}`,
    );
  });
}
