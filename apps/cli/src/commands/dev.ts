import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { startLocalCluster } from '@spider/local-cluster';
import { Command } from 'commander';
import { serviceBinaries } from '../service-binaries.ts';
import { integerOption } from './integer-option.ts';

interface DevOptions {
  readonly directory: string;
  readonly packages: string;
  readonly host: string;
  readonly insecure?: true;
  readonly port: number;
  readonly slots: number;
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** `spider dev`: all of Spider on this machine, until Ctrl-C. */
export function devCommand(signal: AbortSignal): Command {
  return new Command('dev')
    .exitOverride()
    .description('Starts storage, scheduler and an execution manager here, until Ctrl-C.')
    .option('--directory <folder>', 'where the database and the logs are kept', '.spider')
    .option('--packages <folder>', 'where task packages are found, a folder each', '.')
    .option('--host <address>', 'where it listens; whoever reaches it can run tasks', '127.0.0.1')
    .option('--insecure', 'let it listen where others reach it; nothing asks who they are')
    .option('--port <number>', 'where clients connect', integerOption(0, 65_535), 50_051)
    .option(
      '--slots <number>',
      'tasks that run at the same time',
      integerOption(1, 1_024),
      availableParallelism(),
    )
    .option('--read <paths...>', 'what tasks may read beside their packages', [])
    .option('--write <paths...>', 'what tasks may read and write', [])
    .addHelpText(
      'after',
      '\nThe database stays in its folder: started again there, Spider knows the jobs of before.',
    )
    .action(async (options: DevOptions) => runDev(options, signal));
}

async function runDev(options: DevOptions, signal: AbortSignal): Promise<void> {
  const directory = resolve(options.directory);
  await mkdir(directory, { recursive: true });
  await using cluster = await startLocalCluster({
    directory,
    packageDir: resolve(options.packages),
    storagePort: options.port,
    slots: options.slots,
    signal,
    binaries: serviceBinaries(),
    config: {
      storage: { host: options.host, insecure: options.insecure === true },
      executionManager: {
        task_executor: {
          guard_rail: { read: absolute(options.read), write: absolute(options.write) },
        },
        logs: { dir: 'task-logs' },
      },
    },
  });
  process.stdout.write(
    `Spider is ready at ${cluster.storageUrl} with ${options.slots} slots.\n` +
      `Tasks are found in ${resolve(options.packages)}, logs and database in ${directory}.\n` +
      `Submit a job: connect({ endpoints: ['${cluster.storageUrl}'] }). Ctrl-C stops everything.\n`,
  );
  await Promise.race([aborted(signal), cluster.failed]);
}

const absolute = (paths: readonly string[]): string[] => paths.map((path) => resolve(path));

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
