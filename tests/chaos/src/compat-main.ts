import { COMPAT_HELP, type CompatOptions, readCompatOptions } from './compat/options.ts';
import { runCompat } from './compat/run-compat.ts';

async function main(args: readonly string[]): Promise<number> {
  let options: CompatOptions | undefined;
  try {
    options = readCompatOptions(args);
  } catch (error) {
    process.stderr.write(`compat: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(COMPAT_HELP);
    return 0;
  }
  const result = await runCompat(options, (line) => process.stderr.write(`${line}\n`));
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.problems === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
