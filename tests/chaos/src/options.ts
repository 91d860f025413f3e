import { parseArgs } from 'node:util';
import { invalidArgument } from '@spider/core';
import { BLOWS, type BlowName } from './blows/blow.ts';

export const DATABASES = ['sqlite', 'mariadb', 'galera'] as const;
export type DatabaseName = (typeof DATABASES)[number];

export interface ChaosOptions {
  /** In all. */
  readonly seconds: number;
  /** Of one round, which has a cluster of its own. */
  readonly roundSeconds: number;
  readonly seed: number;
  readonly db: DatabaseName;
  readonly durability: 'task' | 'sync';
  readonly blows: readonly BlowName[];
  /** How many of some are to be struck in a round; undefined: as many as fit into the time. */
  readonly goals: ReadonlyMap<BlowName, number> | undefined;
  /** Usual pauses are multiplied by it. */
  readonly pace: number;
  /** Jobs at a time. */
  readonly jobs: number;
  /** Where finished rounds are written down, and found again. */
  readonly record: string | undefined;
  /** Keeps the folder with logs and database also when all is well. */
  readonly keep: boolean;
}

export const HELP = `Usage: npm run chaos -- [options]

Strikes a cluster of real processes at random while jobs run on it, and checks what was promised. The
last line is the result, as JSON.

  --seconds N             how long the trouble lasts (60)
  --round-seconds N       a new cluster every N seconds (300; with --kills all is one round)
  --seed S                draws jobs, blows and their instants (1)
  --db sqlite|mariadb|galera
                          (sqlite); galera is a cluster of three nodes, one of which is struck at a time
  --durability task|sync  (task)
  --blows A,B,...         what is done, by default all that the others allow:
                            kill -9 of storage, scheduler, em, executor, database;
                            storage-stop, scheduler-stop, em-stop, database-stop: SIGSTOP for a while,
                            of execution managers also for longer than they may be silent;
                            cut, block, delay: of the network between two of them;
                            disk-full, fsync: faults of the database's disk;
                            clock: steps of a process's clock of up to ten minutes
  --kills A:N,B:M,...     so many of each, spread over the time, and nothing else unless --blows says so
  --pace F                multiplies the usual pauses between blows (1)
  --jobs N                how many run at a time (4)
  --record FILE           adds a line for each round; those that it has are not run again
  --keep                  keeps the folder with logs and database even if all is well
`;

/** Undefined if help was asked for. @throws SpiderError 'invalid-argument' naming the option. */
export function readOptions(args: readonly string[]): ChaosOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '60' },
      'round-seconds': { type: 'string' },
      seed: { type: 'string', default: '1' },
      db: { type: 'string', default: 'sqlite' },
      durability: { type: 'string', default: 'task' },
      blows: { type: 'string' },
      kills: { type: 'string' },
      pace: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '4' },
      record: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const db = oneOf('--db', DATABASES, values.db);
  const goals = values.kills === undefined ? undefined : readGoals(values.kills);
  const blows = readBlows(values.blows, db, goals);
  const missing = [...(goals?.keys() ?? [])].find((name) => !blows.includes(name));
  if (missing !== undefined) throw invalidArgument(`--kills: ${missing} is not among --blows`);
  const seconds = count('--seconds', values.seconds);
  const usual = goals === undefined ? Math.min(seconds, 300) : seconds;
  return {
    seconds,
    roundSeconds: count('--round-seconds', values['round-seconds'] ?? String(usual)),
    seed: count('--seed', values.seed),
    db,
    durability: oneOf('--durability', ['task', 'sync'], values.durability),
    blows,
    goals,
    pace: positive('--pace', values.pace),
    jobs: count('--jobs', values.jobs),
    record: values.record,
    keep: values.keep,
  };
}

function readBlows(
  text: string | undefined,
  db: DatabaseName,
  goals: ChaosOptions['goals'],
): readonly BlowName[] {
  const isPossible = (name: BlowName): boolean => db !== 'sqlite' || !name.startsWith('database');
  if (text === undefined && goals === undefined) return BLOWS.filter(isPossible);
  const names = text?.split(',').map((name) => oneOf('--blows', BLOWS, name)) ?? [
    ...(goals?.keys() ?? []),
  ];
  const impossible = names.find((name) => !isPossible(name));
  if (impossible !== undefined) {
    throw invalidArgument(`${impossible}: SQLite has no process of its own`);
  }
  return [...new Set(names)];
}

function readGoals(text: string): ReadonlyMap<BlowName, number> {
  return new Map(
    text.split(',').map((part) => {
      const [kind = '', number = ''] = part.split(':');
      return [oneOf('--kills', BLOWS, kind), count('--kills', number)];
    }),
  );
}

export function oneOf<T extends string>(option: string, allowed: readonly T[], value: string): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw invalidArgument(`${option}: expected one of ${allowed.join(', ')}, not ${value}`);
}

export function count(option: string, value: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw invalidArgument(`${option}: expected a whole number from 1, not ${value}`);
}

function positive(option: string, value: string): number {
  const number = Number(value);
  if (number > 0 && number <= 1_000) return number;
  throw invalidArgument(`${option}: expected a number above 0 and up to 1000, not ${value}`);
}
