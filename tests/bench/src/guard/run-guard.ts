import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@spider/runtime/node';
import type { BenchContext } from '../suite.ts';
import { Calibration } from './calibration.ts';
import {
  compareCosts,
  type Comparison,
  costOf,
  type Costs,
  describeRises,
  formatComparison,
  type Sample,
} from './costs.ts';
import { type Guarded, startGuarded } from './guarded.ts';

const RECORD_FILE = fileURLToPath(new URL('../../guard.json', import.meta.url));
const WARM_UP_RUNS = 6;
/** A machine that is at rest needs no more. */
const REPETITIONS = 12;
/** Of a suite that seems to cost too much, and of all to be recorded. */
const REPETITIONS_MAX = 60;
/** No repetition is begun after so long: the command must end within 90 seconds. */
const ENOUGH_S = 55;

export interface GuardOptions {
  /** Writes down what is measured instead of comparing it. */
  readonly record: boolean;
  readonly json: boolean;
  readonly print: (line: string) => void;
}

/**
 * Measures what a task costs, relative to a loop that stays the same, and compares it with what is
 * recorded.
 *
 * @throws Error saying what costs more than it may.
 */
export async function runGuard(context: BenchContext, options: GuardOptions): Promise<void> {
  const { record, json, print } = options;
  if (record) {
    const costs = await measureCosts(context, () => false);
    await writeFile(RECORD_FILE, `${JSON.stringify(costs, undefined, 2)}\n`);
    print(`recorded in tests/bench/guard.json: ${JSON.stringify(costs)}`);
    return;
  }
  const recorded = JSON.parse(await readFile(RECORD_FILE, 'utf8')) as Costs;
  const compare = (costs: Costs): readonly Comparison[] => compareCosts(costs, recorded);
  const costs = await measureCosts(context, (suite, cost) =>
    compare({ [suite]: cost }).every(({ isAllowed }) => isAllowed),
  );
  const comparisons = compare(costs);
  for (const one of comparisons) {
    print(json ? JSON.stringify({ guard: one.suite, ...one }) : formatComparison(one));
  }
  const rises = describeRises(comparisons);
  if (rises !== undefined) throw new Error(rises);
}

/** Measures suites in turn, until each is good enough, or there is no time left. */
async function measureCosts(
  context: BenchContext,
  isGood: (suite: string, cost: Costs[string]) => boolean,
): Promise<Costs> {
  const startUs = systemClock.monotonicUs();
  await using stack = new AsyncDisposableStack();
  const guarded = await startGuarded(context, stack);
  const calibration = stack.use(
    await Calibration.start(Math.max(...guarded.map(({ threads }) => threads))),
  );
  const samples = guarded.map((): Sample[] => []);
  for (let run = -WARM_UP_RUNS; run < REPETITIONS_MAX; run++) {
    const isLate = (systemClock.monotonicUs() - startUs) / 1e6 > ENOUGH_S;
    for (const [i, one] of guarded.entries()) {
      context.signal.throwIfAborted();
      const known = samples[i] ?? [];
      if (known.length > 0 && isLate) continue;
      if (run >= REPETITIONS && isGood(one.suite, costOf(known))) continue;
      const sample = await measureOnce(one, calibration);
      if (run >= 0 || isLate) known.push(sample);
    }
  }
  return Object.fromEntries(guarded.map(({ suite }, i) => [suite, costOf(samples[i] ?? [])]));
}

async function measureOnce(guarded: Guarded, calibration: Calibration): Promise<Sample> {
  const before = await calibration.stepUs(guarded.threads);
  const cpu = await guarded.measure();
  const after = await calibration.stepUs(guarded.threads);
  return { cpu, stepsUs: [before, after] };
}
