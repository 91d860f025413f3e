import { parseArgs } from 'node:util';
import { invalidArgument } from '@spider/core';
import { runFuzz } from './fuzz/run-fuzz.ts';
import type { FuzzOptions } from './fuzz/run-fuzz.ts';

const HELP = `Usage: npm run fuzz -- rpc [options]

Calls every method of storage's port at random, with sound and hostile arguments, on several
connections at once, and checks that storage stays up, that its invariants hold, that jobs still run
afterwards and that memory does not grow. The last line is the result, as JSON.

  --calls N               (100000)
  --seed S                draws all calls (1)
  --db memory|sqlite|mariadb
                          (sqlite)
  --connections C         (4)
`;

/** Undefined if help was asked for. @throws SpiderError 'invalid-argument' naming the option. */
function readOptions(args: readonly string[]): FuzzOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      calls: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      db: { type: 'string', default: 'sqlite' },
      connections: { type: 'string', default: '4' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  if (positionals.join(' ') !== 'rpc') throw invalidArgument('what to fuzz must be: rpc');
  const database = (['memory', 'sqlite', 'mariadb'] as const).find((name) => name === values.db);
  if (database === undefined) throw invalidArgument(`--db: ${values.db} is no database`);
  return {
    database,
    calls: count('--calls', values.calls),
    seed: count('--seed', values.seed),
    connections: count('--connections', values.connections),
    onProgress: (line) => process.stderr.write(`${line}\n`),
  };
}

function count(option: string, value: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw invalidArgument(`${option}: expected a whole number from 1, not ${value}`);
}

async function main(args: readonly string[]): Promise<number> {
  let options: FuzzOptions | undefined;
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`fuzz: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const result = await runFuzz(options);
  for (const finding of result.findings) process.stderr.write(`fuzz: ${finding}\n`);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.findings.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
