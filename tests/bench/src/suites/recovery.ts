import { join } from 'node:path';
import type { JobHandle } from '@spider/client';
import { layeredGraph } from '@spider/core/testing';
import { readProcessUsage, type ProcessUsage } from '@spider/local-cluster';
import { systemClock } from '@spider/runtime/node';
import { mariadbMissing } from '@spider/test-utils';
import { type BenchResult, median } from '../bench-result.ts';
import { type BenchCluster, startBenchCluster } from '../cluster/bench-cluster.ts';
import { openMariadb } from '../cluster/bench-database.ts';
import { succeeded, verifyOutputs } from '../measure-jobs.ts';
import type { BenchContext, Suite } from '../suite.ts';
import { floatWorkload, type Workload } from '../workload/workload.ts';
import { InstantWorker } from '../zero/instant-worker.ts';
import { sumInputs } from '../zero/sum-inputs.ts';

interface RecoveryCase {
  readonly name: string;
  readonly jobs: number;
  readonly layers: number;
  readonly width: number;
}

const CASES: readonly RecoveryCase[] = [
  { name: '200-jobs', jobs: 200, layers: 20, width: 500 },
  { name: 'million', jobs: 1, layers: 20, width: 50_000 },
];

/** What one kill and restart came to. */
interface Restart {
  /** From the start of the process to its ready line. */
  readonly readyS: number;
  /** From the start of the process to the first task that a worker has. */
  readonly firstTaskS: number;
  /** Of storage: at the kill, the most until then, and the most until that first task. */
  readonly runningMb: number;
  readonly runningPeakMb: number;
  readonly recoveryPeakMb: number;
  readonly recoveryCpuUs: number;
}

/** Jobs half done, storage killed and started anew. All of them run to their end afterwards. */
export const recovery: Suite = {
  name: 'recovery',
  summary: '200 jobs of 10,000 tasks, and one of 10^6, half done when storage is killed',
  run: async function* run(context) {
    for (const one of CASES) yield await measure(one, 'sqlite', context);
    if (mariadbMissing() !== undefined) return;
    for (const one of CASES) yield await measure(one, 'mariadb', context);
  },
};

async function measure(
  one: RecoveryCase,
  engine: 'sqlite' | 'mariadb',
  context: BenchContext,
): Promise<BenchResult> {
  const { jobs, layers, width } = one;
  const name = engine === 'sqlite' ? one.name : `${one.name}-mariadb`;
  const workload = floatWorkload(name, layeredGraph({ layers, width, inputsPerTask: 3 }));
  const tasks = jobs * workload.graph.taskCount;
  const restarts: Restart[] = [];
  let durability = '';
  for (let run = 0; run < context.runs; run++) {
    context.signal.throwIfAborted();
    const directory = join(context.directory, `${name}-${run}`);
    await using database = engine === 'sqlite' ? undefined : await openMariadb();
    await using bench = await startBenchCluster(
      { ...context, directory },
      { executionManagers: 0, ...(database && { database: database.config }) },
    );
    durability = bench.durability;
    restarts.push(await killHalfWay(bench, workload, jobs));
  }
  const medianOf = (key: keyof Restart): number => median(restarts.map((restart) => restart[key]));
  const seconds = medianOf('firstTaskS');
  return {
    suite: 'recovery',
    workload: name,
    engine: 'spider storage',
    durability,
    tasks,
    edges: jobs * workload.edges,
    seconds,
    tasksPerSecond: tasks / seconds,
    cpuMicrosPerTask: { storage: medianOf('recoveryCpuUs') / tasks },
    peakRssMb: { storage: Math.max(...restarts.map((restart) => restart.recoveryPeakMb)) },
    verified: true,
    runs: context.runs,
    extra: {
      readyS: medianOf('readyS'),
      runningMb: medianOf('runningMb'),
      runningPeakMb: medianOf('runningPeakMb'),
      peakOverRunning: median(
        restarts.map(({ recoveryPeakMb, runningMb }) => recoveryPeakMb / runningMb),
      ),
    },
  };
}

async function killHalfWay(
  bench: BenchCluster,
  workload: Workload,
  jobCount: number,
): Promise<Restart> {
  const { cluster, client } = bench;
  const { storage } = cluster.processes;
  const handles: JobHandle[] = [];
  for (let job = 0; job < jobCount; job++) {
    handles.push(await client.submitGraph(workload.graph, workload.inputs));
  }
  for (const handle of handles) await handle.start();
  const enough = (jobCount * workload.graph.taskCount) / 2;
  const before = await InstantWorker.start(cluster.storageUrl, { run: sumInputs, enough });
  await Promise.race([before.done, before.failed]);
  await checkHalfDone(handles);
  const running = await usageOf(storage.pid);
  storage.kill('SIGKILL');
  await storage.exited;
  await before[Symbol.asyncDispose]();

  const startedUs = systemClock.monotonicUs();
  await storage.restart();
  const readyUs = systemClock.monotonicUs();
  const { executionManagerId } = before;
  await using after = await InstantWorker.start(cluster.storageUrl, {
    executionManagerId,
    run: sumInputs,
  });
  await Promise.race([after.firstTask, after.failed]);
  const firstTaskUs = systemClock.monotonicUs();
  const recovered = await usageOf(storage.pid);
  for (const handle of handles) {
    await Promise.race([succeeded(handle), after.failed]);
    await verifyOutputs(handle, workload);
  }
  return {
    readyS: (readyUs - startedUs) / 1e6,
    firstTaskS: (firstTaskUs - startedUs) / 1e6,
    runningMb: running.memoryKib / 1024,
    runningPeakMb: running.peakMemoryKib / 1024,
    recoveryPeakMb: recovered.peakMemoryKib / 1024,
    recoveryCpuUs: recovered.cpuUs,
  };
}

/** @throws Error if a job is much further than another: it would not be the case that was meant. */
async function checkHalfDone(handles: readonly JobHandle[]): Promise<void> {
  for (const handle of handles) {
    const { succeededTasks, totalTasks } = await handle.status();
    const done = succeededTasks / totalTasks;
    if (done < 0.4 || done > 0.6) throw new Error(`job ${handle.id}: ${done} of it is done`);
  }
}

async function usageOf(pid: number): Promise<ProcessUsage> {
  const usage = await readProcessUsage(pid);
  if (usage === undefined) throw new Error('this suite needs the usage of processes, from /proc');
  return usage;
}
