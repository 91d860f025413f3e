import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlowName } from './blows/blow.ts';
import { type ChaosRound, runChaosRound } from './chaos-round.ts';
import type { ChaosOptions } from './options.ts';
import { appendRecord, currentCommit, readRecord } from './record.ts';

/** A line of the record: a round, and what it was a round of. */
export interface ChaosLine extends ChaosRound {
  readonly run: string;
  readonly seed: number;
  readonly db: string;
  readonly durability: string;
  readonly round: number;
  readonly seconds: number;
  readonly commit: string;
  readonly at: string;
}

/** The line that a run ends with. */
export interface ChaosResult
  extends Pick<ChaosLine, 'seed' | 'db' | 'durability' | 'commit'>, Sums, Counts {
  readonly seconds: number;
  readonly rounds: number;
  /** The longest time in which no task ended though there were jobs. */
  readonly longestOutageMs: number;
  readonly problems: number;
}

const SUMMED = [
  'jobs',
  'tasks',
  'executions',
  'storageRestarts',
  'acknowledgedRerun',
  'flushedRerun',
  'heldRerun',
  'lost',
  'wrongOutputs',
  'jobsNotTerminal',
  'otherProblems',
] as const satisfies readonly (keyof ChaosRound)[];
type Sums = Readonly<Record<(typeof SUMMED)[number], number>>;

type Counts = Pick<ChaosRound, 'kills' | 'otherBlows'>;

const PROBLEMS_SHOWN = 20;

/** Runs the rounds that the record does not have yet, and sums all of them up. */
export async function runChaos(
  options: ChaosOptions,
  log: (line: string) => void,
): Promise<ChaosResult> {
  const { seed, db, durability, record, roundSeconds } = options;
  const { keep: _keep, record: _record, seconds: total, goals, ...drawn } = options;
  // Rounds of another kind are not rounds of this run, whatever else is the same.
  const run = JSON.stringify({ ...drawn, goals: goals && [...goals] });
  const commit = currentCommit();
  const known = (await readRecord<ChaosLine>(record)).filter((line) => line.run === run);
  const lines: ChaosLine[] = [];
  for (let begun = 0; begun < total; begun += roundSeconds) {
    const round = lines.length + 1;
    const seconds = Math.min(roundSeconds, total - begun);
    let line = known.find((one) => one.round === round && one.seconds === seconds);
    if (line === undefined) {
      const at = new Date().toISOString();
      const done = await runInFolder(options, round, seconds, log);
      line = { run, seed, db, durability, round, seconds, commit, at, ...done };
      await appendRecord(record, line);
    }
    lines.push(line);
  }
  return {
    seed,
    db,
    durability,
    commit,
    seconds: total,
    rounds: lines.length,
    kills: countAll(lines.map(({ kills }) => kills)),
    otherBlows: countAll(lines.map(({ otherBlows }) => otherBlows)),
    ...sumsOf(lines),
    longestOutageMs: Math.max(...lines.map(({ longestOutageMs }) => longestOutageMs)),
    problems: lines.reduce((sum, { problems }) => sum + problems.length, 0),
  };
}

async function runInFolder(
  options: ChaosOptions,
  round: number,
  seconds: number,
  log: (line: string) => void,
): Promise<ChaosRound> {
  const directory = await mkdtemp(join(tmpdir(), 'spider-chaos-'));
  const result = await runChaosRound({ ...options, round, seconds, directory, log });
  const { problems } = result;
  for (const problem of problems.slice(0, PROBLEMS_SHOWN)) log(problem);
  if (problems.length > PROBLEMS_SHOWN) log(`… and ${problems.length - PROBLEMS_SHOWN} more`);
  if (problems.length > 0) log(`logs, database and the record of executions are in ${directory}`);
  else if (!options.keep) await rm(directory, { recursive: true, force: true });
  log(`round ${round}: ${JSON.stringify({ ...result, problems: problems.length })}`);
  return result;
}

function sumsOf(lines: readonly ChaosLine[]): Sums {
  const sum = (name: (typeof SUMMED)[number]): number =>
    lines.reduce((total, line) => total + line[name], 0);
  return Object.fromEntries(SUMMED.map((name) => [name, sum(name)])) as Sums;
}

function countAll(
  counts: readonly Partial<Record<BlowName, number>>[],
): Partial<Record<BlowName, number>> {
  const all: Partial<Record<BlowName, number>> = {};
  for (const one of counts) {
    for (const [name, number] of Object.entries(one) as [BlowName, number][]) {
      all[name] = (all[name] ?? 0) + number;
    }
  }
  return all;
}
