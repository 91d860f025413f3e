import { runChaos } from './chaos-run.ts';
import { type ChaosOptions, HELP, readOptions } from './options.ts';

async function main(args: readonly string[]): Promise<number> {
  let options: ChaosOptions | undefined;
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const result = await runChaos(options, (line) => process.stderr.write(`${line}\n`));
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.problems === 0 ? 0 : 1;
}

// At its own end Node would wait for what was written to connections that were cut, and for ever.
process.exit(await main(process.argv.slice(2)));
