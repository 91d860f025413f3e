import type { Histogram } from './histogram.ts';

/** What one workload of a suite came to; with --json this object is one line. */
export interface BenchResult {
  readonly suite: string;
  /** Which of the suite's workloads. */
  readonly workload: string;
  /** What ran it: `spider`, or a part of it. */
  readonly engine: string;
  /** `none` where nothing is kept. */
  readonly durability: string;
  /** What storage wrote to; a suite that takes several says in `workload` which. */
  readonly database?: string;
  readonly tasks: number;
  readonly edges: number;
  /** The median of the runs, from submission to the end of the job. */
  readonly seconds: number;
  readonly tasksPerSecond: number;
  /** Processor time of each process, the median of the runs. */
  readonly cpuMicrosPerTask: Readonly<Record<string, number>>;
  /** The most memory that each process has held, all runs and the warm-up included. */
  readonly peakRssMb: Readonly<Record<string, number>>;
  /** Whether all outputs of all runs were those expected. A run whose outputs are not ends the suite. */
  readonly verified: boolean;
  readonly runs: number;
  /** What the suite measures beside: names end in their unit. */
  readonly extra?: Readonly<Record<string, number>>;
  readonly histogram?: Histogram;
}

/** The middle one, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value that this fraction of the others stays below; between two of them, in proportion. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(rank)] ?? Number.NaN;
  const above = sorted[Math.ceil(rank)] ?? Number.NaN;
  return below + (above - below) * (rank - Math.floor(rank));
}

/** Rounds what is for people and files: more digits are noise. */
export function rounded(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  return Number(value.toPrecision(4));
}
