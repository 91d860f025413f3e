import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChaos } from './chaos-run.ts';
import { type ChaosOptions, HELP, readOptions } from './options.ts';

const PROBLEMS_SHOWN = 20;

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
  const directory = await mkdtemp(join(tmpdir(), 'spider-chaos-'));
  const { result, problems } = await runChaos(options, directory, (line) =>
    process.stderr.write(`${line}\n`),
  );
  if (problems.length > 0) {
    const more = problems.length - PROBLEMS_SHOWN;
    process.stderr.write(
      [
        `chaos: ${problems.length} problems with seed ${options.seed}; logs, database and the record of executions are in ${directory}`,
        ...problems.slice(0, PROBLEMS_SHOWN),
        ...(more > 0 ? [`… and ${more} more`] : []),
        '',
      ].join('\n'),
    );
  }
  if (problems.length === 0 && !options.keep) await rm(directory, { recursive: true, force: true });
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
