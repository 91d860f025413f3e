import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { FAN_IN } from './network.ts';

export interface DemoOptions {
  readonly seed: number;
  readonly layers: number;
  readonly width: number;
  readonly executionManagers: number;
  /** Executors of each execution manager. */
  readonly slots: number;
  /** Whether the scheduler is a process of its own instead of a part of storage. */
  readonly separateScheduler: boolean;
  /** How often the job runs, one after the other. */
  readonly runs: number;
}

export const DEMO_USAGE = `usage: npm run demo -- [options]

Runs a layered network of small tasks through storage, scheduler, execution managers and executors,
each a process of its own, and compares the outputs with an evaluation in this process.

  --seed N                 draws wiring and inputs (default 1)
  --layers N               (default 10)
  --width N                neurons of a layer, at least ${FAN_IN} (default 1000)
  --execution-managers N   (default 1)
  --slots N                executors of each execution manager (default: one for each core)
  --embedded-scheduler     the scheduler is a part of the storage process
  --runs N                 how often the job runs (default 1)
  --help                   shows this
`;

/**
 * Reads the demo's arguments.
 *
 * @returns undefined if only help is wanted.
 * @throws Error naming the argument that is wrong.
 */
export function parseDemoOptions(args: readonly string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      layers: { type: 'string', default: '10' },
      width: { type: 'string', default: '1000' },
      'execution-managers': { type: 'string', default: '1' },
      slots: { type: 'string', default: String(availableParallelism()) },
      'embedded-scheduler': { type: 'boolean', default: false },
      runs: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    seed: integer('seed', values.seed, 0, 2 ** 32 - 1),
    layers: integer('layers', values.layers, 1, 1_000),
    width: integer('width', values.width, FAN_IN, 100_000),
    executionManagers: integer('execution-managers', values['execution-managers'], 1, 16),
    slots: integer('slots', values.slots, 1, 64),
    separateScheduler: !values['embedded-scheduler'],
    runs: integer('runs', values.runs, 1, 1_000),
  };
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new Error(`--${name}: expected a whole number from ${min} to ${max}, got ${text}`);
}
