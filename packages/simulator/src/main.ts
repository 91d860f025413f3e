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
const SHOWN_VIOLATIONS = 100;
const SHOWN_LINES = 40;

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') print(HELP);
  else if (options.trace) await showTrace(options.from);
  else await runAll(options);
}

async function showTrace(seed: number): Promise<void> {
  const { violations, traceHash } = await runWorld(drawScenario(seed), print);
  print(`seed ${seed}: ${violations.length} violations, trace ${traceHash}`);
  if (violations.length > 0) process.exitCode = 1;
}

async function runAll(options: SimOptions): Promise<void> {
  const { seeds, workers, bail, until, shrinks, record } = options;
  const from = record === undefined ? options.from : nextSeed(record, options.from);
  const startMs = performance.now();
  const failures: SeedOutcome[] = [];
  let done = 0;
  await runSeeds({
    from,
    seeds,
    workers,
    onOutcome: (outcome) => {
      done += 1;
      if (outcome.violations.length > 0) failures.push(outcome);
      if (done % PROGRESS_SEEDS === 0) print(`${done} of ${seeds} seeds`);
      if (bail && failures.length > 0) return false;
      return !outcome.violations.some(({ checker }) => checker === until);
    },
  });
  const perSecond = (done * 1000) / (performance.now() - startMs);
  for (const failure of failures) {
    report(failure);
    if (shrinks) await reportShrunk(failure);
  }
  if (record !== undefined) {
    addRecord(record, {
      from,
      seeds: done,
      failures: failures.map(({ seed }) => seed),
      seedsPerSecond: Number(perSecond.toFixed(1)),
      commit: currentCommit(),
      at: new Date().toISOString(),
    });
  }
  print(`sim: ${done} seeds, ${failures.length} failures, ${perSecond.toFixed(1)} seeds/s`);
  if (failures.length > 0) process.exitCode = 1;
}

function report({ seed, violations, lastLines }: SeedOutcome): void {
  print(`\nseed ${seed} breaks promises:`);
  for (const { checker, message } of violations.slice(0, SHOWN_VIOLATIONS))
    print(`  ${checker}: ${message}`);
  print('its last lines:');
  for (const line of lastLines.slice(-SHOWN_LINES)) print(`  ${line}`);
}

async function reportShrunk({ seed, violations }: SeedOutcome): Promise<void> {
  const [first] = violations;
  if (first === undefined || first.checker === 'same-seed-same-run') return;
  const { faults, jobs } = await shrink(seed, first.checker);
  print(
    `needed for ${first.checker}: jobs ${jobs.join(', ') || 'none'}; faults ${faults.join(', ') || 'none'}`,
  );
  print(`all of it: npm run sim -- --from ${seed} --trace`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
