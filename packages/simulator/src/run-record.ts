import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** One piece of a long run. */
export interface RunRecord {
  readonly from: number;
  readonly seeds: number;
  /** The seeds that have failed. */
  readonly failures: readonly number[];
  readonly seedsPerSecond: number;
  /** What was run, with a plus sign if not all of it was committed; empty if nobody knows. */
  readonly commit: string;
  readonly at: string;
}

/** The seed after the last one that stands in a file of records; the given one if there is none. */
export function nextSeed(file: string, first: number): number {
  if (!existsSync(file)) return first;
  const records = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RunRecord);
  return records.reduce((next, { from, seeds }) => Math.max(next, from + seeds), first);
}

export function addRecord(file: string, record: RunRecord): void {
  appendFileSync(file, `${JSON.stringify(record)}\n`);
}

export function currentCommit(): string {
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return '';
  }
}

const git = (...args: readonly string[]): string =>
  execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
