import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { invalidArgument } from '@spider/core';
import type { DecoderFuzzOptions } from './decoders/fuzz-decoders.ts';
import { TARGETS } from './decoders/targets.ts';
import type { FuzzOptions } from './fuzz/run-fuzz.ts';

/** What was asked for. */
export type Command =
  | { readonly name: 'rpc'; readonly options: FuzzOptions }
  | { readonly name: 'decoders'; readonly options: DecoderFuzzOptions };

export const HELP = `Usage: npm run fuzz -- rpc|decoders [options]

rpc calls every method of storage's port at random, with sound and hostile arguments, on several
connections at once, and checks that storage stays up, that its invariants hold, that jobs still run
afterwards and that memory does not grow.

  --calls N               (100000)
  --db memory|sqlite|mariadb
                          (sqlite)
  --connections C         (4)

decoders changes inputs of every decoder at random, and goes on from those that get to new code. None
may crash it, take a second of the processor, or 128 MiB of memory. What does is kept in a file; put
into tests/rpc/findings it is tried in every run of the tests.

  --seconds N             in all (60)
  --target NAME           only one of ${TARGETS.map(({ name }) => name).join(', ')}
  --findings DIR          (tests/rpc/findings)

Both draw all by --seed S (1). The last line is the result, as JSON.
`;

export const FINDINGS = fileURLToPath(new URL('../findings', import.meta.url));

/** Undefined if help was asked for. @throws SpiderError 'invalid-argument' naming the option. */
export function readCommand(
  args: readonly string[],
  onProgress: (line: string) => void,
): Command | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      calls: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      db: { type: 'string', default: 'sqlite' },
      connections: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '60' },
      target: { type: 'string' },
      findings: { type: 'string', default: FINDINGS },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const seed = count('--seed', values.seed);
  switch (positionals.join(' ')) {
    case 'rpc': {
      const calls = count('--calls', values.calls);
      const connections = count('--connections', values.connections);
      const database = (['memory', 'sqlite', 'mariadb'] as const).find((db) => db === values.db);
      if (database === undefined) throw invalidArgument(`--db: ${values.db} is no database`);
      return { name: 'rpc', options: { database, calls, seed, connections, onProgress } };
    }
    case 'decoders': {
      const { target: name, findings } = values;
      const seconds = count('--seconds', values.seconds);
      const targets = TARGETS.filter((target) => name === undefined || target.name === name);
      if (targets.length === 0)
        throw invalidArgument(`--target: there is no decoder ${name ?? ''}`);
      const options = { seconds, seed, targets, findings: resolve(findings), onProgress };
      return { name: 'decoders', options };
    }
    default:
      throw invalidArgument('what to fuzz must be: rpc or decoders');
  }
}

function count(option: string, value: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw invalidArgument(`${option}: expected a whole number from 1, not ${value}`);
}
