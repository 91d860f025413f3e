import { type Command, HELP, readCommand } from './options.ts';
import { fuzzDecoders } from './decoders/fuzz-decoders.ts';
import { runFuzz } from './fuzz/run-fuzz.ts';

async function main(args: readonly string[]): Promise<number> {
  let command: Command | undefined;
  try {
    command = readCommand(args, (line) => process.stderr.write(`${line}\n`));
  } catch (error) {
    process.stderr.write(`fuzz: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  if (command === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const result =
    command.name === 'rpc' ? await runFuzz(command.options) : await fuzzDecoders(command.options);
  for (const finding of result.findings) process.stderr.write(`fuzz: ${finding}\n`);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.findings.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
