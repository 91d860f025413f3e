import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appendRecord, currentCommit, readRecord } from '../record.ts';
import type { ProofOptions } from './options.ts';
import { type RoundResult, runRound } from './run-round.ts';

/** A line of the record: a round, and what it was a round of. */
type RoundLine = RoundResult & RoundKey;

interface RoundKey {
  readonly proof: string;
  readonly db: string;
  readonly durability: string;
  readonly scheduler: string;
  readonly seed: number;
  readonly round: number;
  readonly commit: string;
}

/** The line that a proof ends with. */
export type ProofResult = Omit<RoundKey, 'round'> &
  Readonly<Record<(typeof SUMMED)[number], number>> & {
    readonly rounds: number;
    /** Milliseconds from a blow to the next dispatch; undefined if none was measured. */
    readonly takeOverMs: { readonly median: number; readonly max: number } | undefined;
    readonly problems: number;
  };

const SUMMED = [
  'blows',
  'jobs',
  'tasks',
  'executions',
  'acknowledgedRerun',
  'flushedRerun',
  'heldRerun',
  'lost',
  'wrongOutputs',
  'jobsNotTerminal',
  'otherProblems',
] as const satisfies readonly (keyof RoundResult)[];

export async function runProof(
  options: ProofOptions,
  log: (line: string) => void,
): Promise<ProofResult> {
  const { name: proof, db, durability, seed, rounds, record } = options;
  const scheduler = options.separateScheduler ? 'separate' : 'embedded';
  const key = { proof, db, durability, scheduler, seed, commit: currentCommit() };
  const known = (await readRecord<RoundLine>(record)).filter((line) => isOf(line, key));
  const lines: RoundLine[] = [];
  for (let round = 1; round <= rounds; round++) {
    let line = known.find((one) => one.round === round);
    if (line === undefined) {
      line = { ...key, round, ...(await runInFolder(options, round, log)) };
      await appendRecord(record, line);
    }
    log(
      `round ${round} of ${rounds}: ${JSON.stringify({ ...line, problems: line.problems.length })}`,
    );
    lines.push(line);
  }
  return sumUp(key, lines);
}

async function runInFolder(
  options: ProofOptions,
  round: number,
  log: (line: string) => void,
): Promise<RoundResult> {
  const directory = await mkdtemp(join(tmpdir(), `spider-proof-${options.name}-`));
  const result = await runRound({ ...options, round, directory, log });
  const problems = result.problems.filter((problem) => isBroken(problem, options));
  for (const problem of problems.slice(0, 20)) log(problem);
  if (problems.length > 0) log(`logs, database and the record of executions are in ${directory}`);
  else if (!options.keep) await rm(directory, { recursive: true, force: true });
  return { ...result, problems };
}

/** Without `sync` a task may run again that was not flushed when its execution manager died too. */
const isBroken = (problem: string, { name, durability }: ProofOptions): boolean =>
  durability === 'sync' || name !== 'total-loss' || !problem.startsWith('acknowledgedRerun');

/** Whatever commit it was measured at. */
const isOf = (line: RoundLine, key: Omit<RoundKey, 'round'>): boolean =>
  line.proof === key.proof &&
  line.db === key.db &&
  line.durability === key.durability &&
  line.scheduler === key.scheduler &&
  line.seed === key.seed;

function sumUp(key: Omit<RoundKey, 'round'>, lines: readonly RoundLine[]): ProofResult {
  const sums = Object.fromEntries(
    SUMMED.map((name) => [name, lines.reduce((sum, line) => sum + line[name], 0)]),
  ) as Record<(typeof SUMMED)[number], number>;
  const takeOvers = lines.flatMap(({ takeOversMs }) => takeOversMs).toSorted((a, b) => a - b);
  return {
    ...key,
    rounds: lines.length,
    ...sums,
    takeOverMs:
      takeOvers.length === 0
        ? undefined
        : { median: takeOvers[takeOvers.length >> 1] ?? 0, max: takeOvers.at(-1) ?? 0 },
    problems: lines.reduce((sum, { problems }) => sum + problems.length, 0),
  };
}
