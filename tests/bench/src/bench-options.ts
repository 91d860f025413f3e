import { parseArgs } from 'node:util';

export type Durability = 'job' | 'task' | 'sync';
const DURABILITIES: readonly Durability[] = ['job', 'task', 'sync'];

export type DatabaseName = 'sqlite' | 'mariadb';
const DATABASES: readonly DatabaseName[] = ['sqlite', 'mariadb'];

export type ExecutorMode = 'process' | 'thread';
export const EXECUTOR_MODES: readonly ExecutorMode[] = ['process', 'thread'];

/** What is no suite, and runs none of the others. */
const ALONE = ['guard', 'peers'];

export interface BenchOptions {
  readonly suites: readonly string[];
  /** One JSON object a line instead of a table. */
  readonly json: boolean;
  /** Measured runs, of which the median counts; warm-up runs come on top. */
  readonly runs: number;
  /** Executors of the execution manager. */
  readonly slots: number;
  /** What executors are; undefined leaves it to the suite. */
  readonly executors: ExecutorMode | undefined;
  /** Undefined leaves it to the suite. */
  readonly durability: Durability | undefined;
  /** What storage writes to, in suites that do not take both by themselves. */
  readonly database: DatabaseName;
  /** Where processes leave CPU profiles; undefined for none. */
  readonly profileDir: string | undefined;
  /** Whether the guard writes down what it measures. */
  readonly record: boolean;
}

/**
 * Reads the arguments of the command.
 *
 * @returns undefined if only help is wanted.
 * @throws Error naming the argument that is wrong.
 */
export function parseBenchOptions(args: readonly string[]): BenchOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      runs: { type: 'string', default: '5' },
      slots: { type: 'string', default: '2' },
      executors: { type: 'string' },
      durability: { type: 'string' },
      db: { type: 'string', default: 'sqlite' },
      profile: { type: 'string' },
      record: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || positionals.length === 0) return undefined;
  const alone = ALONE.find((name) => positionals.includes(name));
  if (alone !== undefined && positionals.length > 1) {
    throw new Error(`${alone} runs alone, without other suites`);
  }
  if (alone !== undefined && values.executors !== undefined) {
    throw new Error(`${alone} is about executor processes, without --executors`);
  }
  if (values.record && positionals[0] !== 'guard') throw new Error('--record is for guard alone');
  return {
    suites: positionals,
    json: values.json,
    runs: integer('runs', values.runs, 1, 1_000),
    slots: integer('slots', values.slots, 1, 64),
    executors: maybeOneOf('executors', EXECUTOR_MODES, values.executors),
    durability: maybeOneOf('durability', DURABILITIES, values.durability),
    database: oneOf('db', DATABASES, values.db),
    profileDir: values.profile,
    record: values.record,
  };
}

function maybeOneOf<Name extends string>(
  option: string,
  names: readonly Name[],
  text: string | undefined,
): Name | undefined {
  return text === undefined ? undefined : oneOf(option, names, text);
}

function oneOf<Name extends string>(option: string, names: readonly Name[], text: string): Name {
  const name = names.find((one) => one === text);
  if (name !== undefined) return name;
  throw new Error(`--${option}: expected ${names.join(', ')}, got ${text}`);
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new Error(`--${name}: expected a whole number from ${min} to ${max}, got ${text}`);
}
