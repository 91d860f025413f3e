import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

export interface SimOptions {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  /** Ends at the first seed that fails. */
  readonly bail: boolean;
  /** Ends at the first seed that breaks this promise. */
  readonly until: string | undefined;
  /** Whether each seed is run once only: it is not compared with itself then. */
  readonly once: boolean;
  /** How long faults go on, in milliseconds of a world's time; drawn by default. */
  readonly ticks: number | undefined;
  /** Whether a failing seed is run again with less in it. */
  readonly shrinks: boolean;
  /** A file that a line is added to for each piece that is done. What stands in it is not run again. */
  readonly record: string | undefined;
  /** Prints everything that happens; for one seed. */
  readonly trace: boolean;
}

export const HELP = `Runs Spider in a simulated world, once for each seed, and checks every promise.

  npm run sim -- [--seeds N] [--from S] [--ticks T] [--workers W] [--bail] [--until P] [--once]
                 [--no-shrink] [--record F]
  npm run sim -- --from S --trace

  --seeds N     how many seeds, 100 by default
  --from S      the first of them, 1 by default
  --ticks T     how long faults go on in each, in milliseconds of its time; drawn by default
  --workers W   how many run at once, one for each core by default
  --bail        end at the first seed that fails
  --until P     end at the first seed that breaks the promise P, such as outputs-right
  --once        run each seed once: it is not compared with itself
  --no-shrink   do not run a failing seed again
  --record F    add a line of JSON to the file F for each 250 seeds: seeds, failures, commit; the same
                command goes on after the last seed that stands in it
  --trace       print all that happens with seed S

A seed draws the jobs, the machines and the faults. Each runs twice, and both runs must be the same.
A seed that fails is run again with ever fewer faults and jobs, and what is left is printed. Exit code
1 if a seed failed.`;

/** @throws TypeError for options that do not exist, RangeError for numbers that make no sense. */
export function readOptions(args: readonly string[]): SimOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '100' },
      from: { type: 'string', default: '1' },
      workers: { type: 'string', default: String(availableParallelism()) },
      bail: { type: 'boolean', default: false },
      until: { type: 'string' },
      once: { type: 'boolean', default: false },
      ticks: { type: 'string' },
      'no-shrink': { type: 'boolean', default: false },
      record: { type: 'string' },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    from: readCount('from', values.from, 0),
    seeds: values.trace ? 1 : readCount('seeds', values.seeds, 1),
    workers: readCount('workers', values.workers, 1),
    bail: values.bail,
    until: values.until,
    once: values.once,
    ticks: values.ticks === undefined ? undefined : readCount('ticks', values.ticks, 0),
    shrinks: !values['no-shrink'],
    record: values.record,
    trace: values.trace,
  };
}

function readCount(name: string, text: string, least: number): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= least) return count;
  throw new RangeError(`--${name} is a whole number from ${least}, not ${text}`);
}
