import { type BenchResult, rounded } from '../bench-result.ts';

type Figures = Pick<
  BenchResult,
  'tasks' | 'edges' | 'seconds' | 'tasksPerSecond' | 'runs' | 'cpuMicrosPerTask' | 'peakRssMb'
>;

/** What an engine made of a workload. */
export interface PeerRow {
  readonly engine: string;
  readonly version: string;
  readonly workload: string;
  readonly durability: string;
  /** Verified in every run; undefined if it cannot do it. */
  readonly measured?: Figures & { readonly spiderIsTimesAsFast?: number };
  /** Why it cannot. */
  readonly cannot?: string;
}

export const PEER_TABLE_HEADER = [
  'workload'.padEnd(12),
  'engine'.padEnd(16),
  'durability'.padEnd(18),
  'seconds'.padStart(8),
  'tasks/s'.padStart(9),
  'spider is'.padStart(10),
  ' version',
].join(' ');

/** One object, one line. */
export function formatPeerJson({ measured, ...row }: PeerRow): string {
  const figures = measured === undefined ? {} : { ...measured, verified: true };
  return JSON.stringify({ suite: 'peers', ...row, ...figures }, (_key, value: unknown) =>
    typeof value === 'number' ? rounded(value) : value,
  );
}

/** One row of the table, for people. */
export function formatPeerRow(row: PeerRow): string {
  const { engine, version, workload, durability, measured, cannot = 'not measured' } = row;
  const start = [workload.padEnd(12), engine.padEnd(16), durability.padEnd(18)].join(' ');
  if (measured === undefined) return `${start} cannot: ${cannot}`;
  const { seconds, tasksPerSecond, spiderIsTimesAsFast: times } = measured;
  return [
    start,
    seconds.toFixed(3).padStart(8),
    String(Math.round(tasksPerSecond)).padStart(9),
    (times === undefined ? '' : `${times.toFixed(1)} x`).padStart(10),
    ` ${version}`,
  ].join(' ');
}
