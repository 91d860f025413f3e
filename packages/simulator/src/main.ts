#!/usr/bin/env node
import { HELP, readOptions } from './options.ts';
import type { SimOptions } from './options.ts';
import type { SeedOutcome } from './run-seed.ts';
import { runWorld } from './run-world.ts';
import { drawScenario } from './scenario.ts';
import { addRecord, currentCommit, nextSeed } from './run-record.ts';
import { runSeeds } from './seed-pool.ts';
import { shrink } from './shrink.ts';

/** How often progress is shown. */
const PROGRESS_SEEDS = 50;
/** Of a run that is recorded: what is lost at most when it is cut off. */
const PIECE_SEEDS = 250;
const SHOWN_VIOLATIONS = 100;
const SHOWN_LINES = 40;

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') print(HELP);
  else if (options.trace) await showTrace(options);
  else await runAll(options);
}

async function showTrace({ from: seed, ticks }: SimOptions): Promise<void> {
  const scenario = drawScenario(seed, { faultyMs: ticks });
  const { violations, traceHash } = await runWorld(scenario, print);
  print(`seed ${seed}: ${violations.length} violations, trace ${traceHash}`);
  if (violations.length > 0) process.exitCode = 1;
}

async function runAll(options: SimOptions): Promise<void> {
  const { from, seeds, record } = options;
  const end = from + seeds;
  const total = { seeds: 0, failures: 0, ms: 0 };
  let next = record === undefined ? from : nextSeed(record, from);
  while (next < end) {
    const piece = record === undefined ? seeds : Math.min(PIECE_SEEDS, end - next);
    const startMs = performance.now();
    const { done, failures } = await runPiece(next, piece, options);
    const ms = performance.now() - startMs;
    total.seeds += done;
    total.failures += failures.length;
    total.ms += ms;
    for (const failure of failures) {
      report(failure);
      if (options.shrinks) await reportShrunk(failure, options.ticks);
    }
    if (done < piece) break;
    if (record !== undefined) {
      addRecord(record, {
        from: next,
        seeds: piece,
        failures: failures.map(({ seed }) => seed),
        seedsPerSecond: perSecond(done, ms),
        commit: currentCommit(),
        at: new Date().toISOString(),
      });
    }
    next += piece;
  }
  const rate = perSecond(total.seeds, total.ms).toFixed(1);
  print(`sim: ${total.seeds} seeds, ${total.failures} failures, ${rate} seeds/s`);
  if (total.failures > 0) process.exitCode = 1;
}

interface Piece {
  readonly done: number;
  readonly failures: readonly SeedOutcome[];
}

async function runPiece(from: number, seeds: number, options: SimOptions): Promise<Piece> {
  const { workers, bail, until, once, ticks } = options;
  const failures: SeedOutcome[] = [];
  let done = 0;
  await runSeeds({
    from,
    seeds,
    workers,
    options: { once, faultyMs: ticks },
    onOutcome: (outcome) => {
      done += 1;
      if (outcome.violations.length > 0) failures.push(outcome);
      if (done % PROGRESS_SEEDS === 0) print(`${done} of ${seeds} seeds from ${from}`);
      if (bail && failures.length > 0) return false;
      return !outcome.violations.some(({ checker }) => checker === until);
    },
  });
  return { done, failures };
}

const perSecond = (seeds: number, ms: number): number =>
  ms === 0 ? 0 : Number(((seeds * 1000) / ms).toFixed(1));

function report({ seed, violations, lastLines }: SeedOutcome): void {
  print(`\nseed ${seed} breaks promises:`);
  for (const { checker, message } of violations.slice(0, SHOWN_VIOLATIONS))
    print(`  ${checker}: ${message}`);
  print('its last lines:');
  for (const line of lastLines.slice(-SHOWN_LINES)) print(`  ${line}`);
}

async function reportShrunk({ seed, violations }: SeedOutcome, ticks?: number): Promise<void> {
  const [first] = violations;
  if (first === undefined || first.checker === 'same-seed-same-run') return;
  const { faults, jobs } = await shrink(seed, first.checker, ticks);
  print(
    `needed for ${first.checker}: jobs ${jobs.join(', ') || 'none'}; faults ${faults.join(', ') || 'none'}`,
  );
  const same = ticks === undefined ? '' : ` --ticks ${ticks}`;
  print(`all of it: npm run sim -- --from ${seed}${same} --trace`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
