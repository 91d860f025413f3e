import { type BenchResult, rounded } from './bench-result.ts';
import { formatHistogram } from './histogram.ts';

/** One object, one line. */
export function formatJson(result: BenchResult): string {
  return JSON.stringify(result, (_key, value: unknown) =>
    typeof value === 'number' ? rounded(value) : value,
  );
}

export const TABLE_HEADER = [
  'workload'.padEnd(20),
  'durability'.padEnd(10),
  'tasks'.padStart(8),
  'seconds'.padStart(8),
  'tasks/s'.padStart(9),
  ' CPU µs a task; peak MB; more',
].join(' ');

/** One row of the table, for people, with the histogram below it if there is one. */
export function formatRow(result: BenchResult): string {
  const { workload, durability, tasks, seconds, tasksPerSecond } = result;
  const more = [
    describe(result.cpuMicrosPerTask, 'µs'),
    describe(result.peakRssMb, 'MB'),
    describe(result.extra ?? {}, ''),
  ];
  const row = [
    workload.padEnd(20),
    durability.padEnd(10),
    String(tasks).padStart(8),
    seconds.toFixed(3).padStart(8),
    String(Math.round(tasksPerSecond)).padStart(9),
    ` ${more.filter(Boolean).join('; ')}`,
  ].join(' ');
  return result.histogram === undefined ? row : `${row}\n${formatHistogram(result.histogram)}`;
}

function describe(values: Readonly<Record<string, number>>, unit: string): string {
  const parts = Object.entries(values).map(([name, value]) => `${name} ${rounded(value)}`);
  if (parts.length === 0) return '';
  return unit === '' ? parts.join(', ') : `${parts.join(', ')} ${unit}`;
}
