import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readProcessUsage } from '@spider/local-cluster';
import { mariadbMissing } from '@spider/test-utils';
import { type BenchResult, median } from '../bench-result.ts';
import { type BenchCluster, startBenchCluster } from '../cluster/bench-cluster.ts';
import { type WatchedDatabase, openMariadb, openSqlite } from '../cluster/bench-database.ts';
import { IdleWorker } from '../cluster/idle-worker.ts';
import type { BenchContext, Suite } from '../suite.ts';

const EXECUTION_MANAGERS = 100;
/** Until what a start costs is over: recovery's grace, and code that has yet to be compiled. */
const SETTLE_MS = 5_000;
const WINDOW_MS = 10_000;

/** What storage took in one window. */
interface Window {
  readonly seconds: number;
  readonly cpuPercent: number;
  readonly transactionsPerSecond: number;
}

/** What it costs to do nothing, with many execution managers that say that they are there. */
export const idle: Suite = {
  name: 'idle',
  summary: `an idle storage with ${EXECUTION_MANAGERS} execution managers: processor time and writes`,
  run: async function* run(context) {
    yield await measure('sqlite', await openSqlite(join(context.directory, 'sqlite')), context);
    if (mariadbMissing() !== undefined) return;
    yield await measure('mariadb', await openMariadb(), context);
  },
};

async function measure(
  name: string,
  watchedDatabase: WatchedDatabase,
  context: BenchContext,
): Promise<BenchResult> {
  await using database = watchedDatabase;
  await using bench = await startBenchCluster(context, {
    name,
    executionManagers: 0,
    database: database.config,
  });
  await using stack = new AsyncDisposableStack();
  for (let count = 0; count < EXECUTION_MANAGERS; count++) {
    stack.use(await IdleWorker.start(bench.cluster.storageUrl));
  }
  await sleep(SETTLE_MS);
  const windows: Window[] = [];
  for (let run = 0; run < context.runs; run++) {
    context.signal.throwIfAborted();
    windows.push(await measureWindow(bench, database));
  }
  const alive = await countConnected(bench);
  const medianOf = (key: keyof Window): number => median(windows.map((one) => one[key]));
  const usage = await readProcessUsage(bench.cluster.processes.storage.pid);
  return {
    suite: 'idle',
    workload: name,
    engine: 'spider storage',
    durability: bench.durability,
    tasks: 0,
    edges: 0,
    seconds: medianOf('seconds'),
    tasksPerSecond: 0,
    cpuMicrosPerTask: {},
    peakRssMb: { storage: Math.round((usage?.peakMemoryKib ?? 0) / 1024) },
    verified: alive === EXECUTION_MANAGERS,
    runs: context.runs,
    extra: {
      cpuPercent: medianOf('cpuPercent'),
      transactionsPerSecond: medianOf('transactionsPerSecond'),
      transactionsPerSecondMax: Math.max(...windows.map((one) => one.transactionsPerSecond)),
    },
  };
}

async function measureWindow(
  { cluster }: BenchCluster,
  database: WatchedDatabase,
): Promise<Window> {
  const read = async () => ({
    atMs: performance.now(),
    cpuUs: (await readProcessUsage(cluster.processes.storage.pid))?.cpuUs ?? Number.NaN,
    transactions: await database.countTransactions(),
  });
  const before = await read();
  await sleep(WINDOW_MS);
  const after = await read();
  const seconds = (after.atMs - before.atMs) / 1000;
  return {
    seconds,
    cpuPercent: (after.cpuUs - before.cpuUs) / 10_000 / seconds,
    transactionsPerSecond: (after.transactions - before.transactions) / seconds,
  };
}

/** A figure of execution managers that are not there would be worth nothing. */
async function countConnected({ client }: BenchCluster): Promise<number> {
  let count = 0;
  for await (const { state, isConnected } of client.cluster.executionManagers()) {
    if (state === 'alive' && isConnected) count += 1;
  }
  return count;
}
