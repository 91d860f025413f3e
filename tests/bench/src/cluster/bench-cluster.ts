import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type SpiderClient } from '@spider/client';
import { type Config, type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import type { Durability, ExecutorMode } from '../bench-options.ts';
import type { BenchContext } from '../suite.ts';
import { openMariadb } from './bench-database.ts';

export const BENCH_PACKAGES = fileURLToPath(new URL('../task-packages', import.meta.url));
export const EXAMPLE_PACKAGES = fileURLToPath(new URL('../../../../examples', import.meta.url));

export interface BenchCluster extends AsyncDisposable {
  readonly cluster: LocalCluster;
  readonly client: SpiderClient;
  readonly durability: Durability;
  readonly executors: ExecutorMode;
}

export interface BenchClusterOptions {
  /** Default: the suites' own packages. */
  readonly packageDir?: string;
  /** Default: 1. */
  readonly executionManagers?: number;
  /** What executors are if the command says nothing; `process` by default. */
  readonly executors?: ExecutorMode;
  /** What the suite takes if the command says nothing; `task` by default. */
  readonly durability?: Durability;
  /** Of storage, as in its file; by default the one that the command asks for. */
  readonly database?: Config;
  /** Whether the scheduler is a process of its own. */
  readonly separateScheduler?: boolean;
  /** The `scheduler` section of storage's configuration. */
  readonly scheduler?: Readonly<Record<string, unknown>>;
  /** Additions to the environment of storage. */
  readonly storageEnv?: Readonly<Record<string, string>>;
  /** Tells the folders of several clusters apart. */
  readonly name?: string;
}

/** Starts a cluster of real processes, its scheduler within storage unless asked otherwise, and a client of it. */
export async function startBenchCluster(
  context: BenchContext,
  options: BenchClusterOptions = {},
): Promise<BenchCluster> {
  const { packageDir = BENCH_PACKAGES, executionManagers = 1, name = 'cluster' } = options;
  const durability = context.durability ?? options.durability ?? 'task';
  const executors = context.executors ?? options.executors ?? 'process';
  await using cleanup = new AsyncDisposableStack();
  const database = options.database ?? (await openDatabase(context, cleanup));
  const cluster = await startLocalCluster({
    directory: join(context.directory, name),
    packageDir,
    executionManagers,
    slots: context.slots,
    signal: context.signal,
    embeddedScheduler: options.separateScheduler !== true,
    config: {
      storage: {
        runtime: {
          journal: { durability },
          ...(database !== undefined && { db: database }),
        },
        scheduler: options.scheduler ?? {},
      },
      executionManager: {
        task_executor: { mode: executors, guard_rail: { enabled: executors === 'process' } },
      },
    },
    env: await environment(context.profileDir, options.storageEnv),
  });
  cleanup.defer(() => cluster.stop());
  const client = connect({ endpoints: [cluster.storageUrl] });
  cleanup.defer(() => client.close());
  const owned = cleanup.move();
  return {
    cluster,
    client,
    durability,
    executors,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Answers undefined for the SQLite file that a cluster makes for itself. */
async function openDatabase(
  { database }: BenchContext,
  cleanup: AsyncDisposableStack,
): Promise<Config | undefined> {
  if (database === 'sqlite') return undefined;
  return cleanup.use(await openMariadb()).config;
}

/** Executors get no environment but what they need, and so no profile. */
async function environment(
  profileDir: string | undefined,
  storageEnv: Readonly<Record<string, string>> = {},
): Promise<(processName: string) => NodeJS.ProcessEnv> {
  const all: Record<string, string> = {};
  if (profileDir !== undefined) {
    await mkdir(profileDir, { recursive: true });
    all['NODE_OPTIONS'] = `--cpu-prof --cpu-prof-dir=${profileDir}`;
  }
  const ofStorage = { ...all, ...storageEnv };
  const nodeOptions = [all['NODE_OPTIONS'], storageEnv['NODE_OPTIONS']].filter(Boolean).join(' ');
  if (nodeOptions !== '') ofStorage['NODE_OPTIONS'] = nodeOptions;
  return (processName) => (processName.startsWith('storage') ? ofStorage : all);
}
