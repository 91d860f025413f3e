import { median, rounded } from '../bench-result.ts';
import type { LoopTime } from './calibration.ts';
import type { CpuByProcess } from './guarded.ts';

/** What a task costs in each kind of process, in steps of the calibration loop. */
export type Cost = Readonly<Record<string, number>>;
/** By suite. */
export type Costs = Readonly<Record<string, Cost>>;

/** By how much a suite may cost more than what is recorded. */
const ALLOWED_RISE = 0.25;

/** Of suites that run in the command's own process. */
const PROFILE_COMMANDS: Readonly<Record<string, string>> = {
  engine: 'node --cpu-prof tests/bench/dist/main.js engine',
};

/** A machine on which the loop is stretched by more is too busy to judge by. */
const STRETCH_MAX = 1.5;

/** One repetition of a suite, and the calibration loops just before and after it. */
export interface Sample {
  readonly cpu: CpuByProcess;
  readonly loops: readonly LoopTime[];
}

/** How a suite compares with what is recorded. */
export interface Comparison {
  readonly suite: string;
  readonly cost: Cost;
  readonly recorded: Cost;
  /** 0.1 is ten percent more. */
  readonly rise: number;
  readonly isAllowed: boolean;
}

/**
 * The cost of a suite. Other load on the machine can only add processor time, by cold caches and by what
 * the processors share; so the least of several repetitions counts, of each process and of the loop.
 */
export function costOf(samples: readonly Sample[]): Cost {
  const stepUs = Math.min(...samples.flatMap(({ loops }) => loops.map(({ stepUs }) => stepUs)));
  const processes = Object.keys(samples[0]?.cpu ?? {});
  return Object.fromEntries(
    processes.map((process) => {
      const leastUs = Math.min(...samples.map(({ cpu }) => cpu[process] ?? Number.NaN));
      return [process, rounded(leastUs / stepUs)];
    }),
  );
}

/** How much longer things take than they work, because others want the processors. */
export function stretchOf(samples: readonly Sample[]): number {
  return median(samples.flatMap(({ loops }) => loops.map(({ stretch }) => stretch)));
}

/** Whether figures say something about the code. */
export const isQuiet = (stretch: number): boolean => stretch <= STRETCH_MAX;

/** @throws Error if nothing is recorded of a suite. */
export function compareCosts(costs: Costs, recordedCosts: Costs): readonly Comparison[] {
  return Object.entries(costs).map(([suite, cost]) => {
    const recorded = recordedCosts[suite];
    if (recorded === undefined) throw new Error(`nothing is recorded of ${suite}: see --record`);
    const rise = total(cost) / total(recorded) - 1;
    // What is no number is not allowed either.
    return { suite, cost, recorded, rise, isAllowed: rise <= ALLOWED_RISE };
  });
}

/** A line for people. */
export function formatComparison({ suite, cost, recorded, rise }: Comparison): string {
  const percent = `${rise < 0 ? '' : '+'}${(rise * 100).toFixed(1)} %`;
  const each = Object.entries(cost).map(
    ([process, steps]) => `${process} ${steps} (recorded ${recorded[process] ?? 'never'})`,
  );
  return `${suite.padEnd(10)} ${percent.padStart(9)}  steps a task: ${each.join(', ')}`;
}

/** @returns what to say about suites that cost more than they may; undefined if there are none. */
export function describeRises(comparisons: readonly Comparison[]): string | undefined {
  const rises = comparisons.filter(({ isAllowed }) => !isAllowed);
  if (rises.length === 0) return undefined;
  return [
    `a task costs over ${ALLOWED_RISE * 100} % more processor time than recorded in tests/bench/guard.json:`,
    ...rises.map((rise) => `  ${formatComparison(rise)}`),
    `To see why, compare profiles of this tree and of the one before:`,
    ...rises.map(
      ({ suite }) => `  ${PROFILE_COMMANDS[suite] ?? `npm run bench -- ${suite} --profile FOLDER`}`,
    ),
    `If it is worth that, record the new costs and commit them: npm run bench -- guard --record`,
  ].join('\n');
}

function total(byProcess: Readonly<Record<string, number>>): number {
  return Object.values(byProcess).reduce((sum, one) => sum + one, 0);
}
