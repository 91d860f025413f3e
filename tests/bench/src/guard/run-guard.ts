import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@spider/runtime/node';
import { rounded } from '../bench-result.ts';
import type { BenchContext } from '../suite.ts';
import { Calibration } from './calibration.ts';
import {
  compareCosts,
  type Cost,
  costOf,
  type Costs,
  describeRises,
  formatComparison,
  isQuiet,
  type Sample,
  stretchOf,
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
 * @throws Error saying what costs more than it may, unless the machine is too busy to tell.
 */
export async function runGuard(context: BenchContext, options: GuardOptions): Promise<void> {
  const { record, json, print } = options;
  if (record) {
    const { costs, stretch } = await measure(context, () => false);
    if (!isQuiet(stretch)) throw new Error(`not recorded: ${busy(stretch)}`);
    await writeFile(RECORD_FILE, `${JSON.stringify(costs, undefined, 2)}\n`);
    print(`recorded in tests/bench/guard.json: ${JSON.stringify(costs)}`);
    return;
  }
  const recorded = JSON.parse(await readFile(RECORD_FILE, 'utf8')) as Costs;
  const { costs, stretch } = await measure(context, (suite, cost) =>
    compareCosts({ [suite]: cost }, recorded).every(({ isAllowed }) => isAllowed),
  );
  const comparisons = compareCosts(costs, recorded);
  for (const one of comparisons) {
    print(json ? JSON.stringify({ guard: one.suite, ...one, stretch }) : formatComparison(one));
  }
  const rises = describeRises(comparisons);
  if (rises === undefined) return;
  if (isQuiet(stretch)) throw new Error(rises);
  if (!json) print(`not judged: ${busy(stretch)}`);
}

function busy(stretch: number): string {
  return `the machine is too busy, a loop takes ${rounded(stretch)} times its processor time`;
}

interface Measured {
  readonly costs: Costs;
  readonly stretch: number;
}

/** Measures suites in turn, until each is good enough, or there is no time left. */
async function measure(
  context: BenchContext,
  isGood: (suite: string, cost: Cost) => boolean,
): Promise<Measured> {
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
      for (let turn = 0; turn < one.repeat; turn++) {
        const sample = await measureOnce(one, calibration);
        if (run >= 0 || isLate) known.push(sample);
      }
    }
  }
  return {
    costs: Object.fromEntries(guarded.map(({ suite }, i) => [suite, costOf(samples[i] ?? [])])),
    stretch: stretchOf(samples.flat()),
  };
}

async function measureOnce(guarded: Guarded, calibration: Calibration): Promise<Sample> {
  const before = await calibration.run(guarded.threads);
  const cpu = await guarded.measure();
  const after = await calibration.run(guarded.threads);
  return { cpu, loops: [before, after] };
}
