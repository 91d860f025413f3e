import { parseArgs } from 'node:util';
import { invalidArgument } from '@spider/core';

/** What is killed. */
export const KINDS = ['storage', 'scheduler', 'em', 'executor', 'database'] as const;
export type Kind = (typeof KINDS)[number];

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly db: 'sqlite' | 'mariadb';
  readonly durability: 'task' | 'sync';
  readonly kinds: readonly Kind[];
  /** How many of each kind are to be killed; undefined: as many as fit into the time. */
  readonly kills: ReadonlyMap<Kind, number> | undefined;
  /** Jobs at a time. */
  readonly jobs: number;
  /** Keeps the folder with logs and database also when all is well. */
  readonly keep: boolean;
}

export const HELP = `Usage: npm run chaos -- [options]

Kills processes of a cluster at random while jobs run on it, and checks what was promised. The last
line is the result, as JSON.

  --seconds N             how long the trouble lasts (60)
  --seed S                draws jobs, kills and their instants (1)
  --db sqlite|mariadb     (sqlite)
  --durability task|sync  (task)
  --kinds A,B,...         of storage, scheduler, em, executor, database (all that the others allow)
  --kills A:N,B:M,...     kills so many of each, in quick succession, and ends then; --seconds is the most
  --jobs N                how many run at a time (4)
  --keep                  keeps the folder with logs and database even if all is well
`;

/** Undefined if help was asked for. @throws SpiderError 'invalid-argument' naming the option. */
export function readOptions(args: readonly string[]): ChaosOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      db: { type: 'string', default: 'sqlite' },
      durability: { type: 'string', default: 'task' },
      kinds: { type: 'string' },
      kills: { type: 'string' },
      jobs: { type: 'string', default: '4' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const db = oneOf('--db', ['sqlite', 'mariadb'], values.db);
  const kills = values.kills === undefined ? undefined : readKills(values.kills);
  const kinds =
    kills !== undefined
      ? [...kills.keys()]
      : values.kinds === undefined
        ? KINDS.filter((kind) => db === 'mariadb' || kind !== 'database')
        : values.kinds.split(',').map((kind) => oneOf('--kinds', KINDS, kind));
  if (db === 'sqlite' && kinds.includes('database')) {
    throw invalidArgument('--kinds: SQLite has no process of its own to kill');
  }
  return {
    seconds: count('--seconds', values.seconds),
    seed: count('--seed', values.seed),
    db,
    durability: oneOf('--durability', ['task', 'sync'], values.durability),
    kinds,
    kills,
    jobs: count('--jobs', values.jobs),
    keep: values.keep,
  };
}

function readKills(text: string): ReadonlyMap<Kind, number> {
  return new Map(
    text.split(',').map((part) => {
      const [kind = '', number = ''] = part.split(':');
      return [oneOf('--kills', KINDS, kind), count('--kills', number)];
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
