import { layeredGraph } from '@spider/core/testing';
import { type BenchCluster, startBenchCluster } from '../cluster/bench-cluster.ts';
import { cpuMicrosPerTask, readUsage } from '../cluster/usage.ts';
import { jobRound, type Round } from '../measure-jobs.ts';
import type { BenchContext } from '../suite.ts';
import { completeOnce } from '../suites/engine.ts';
import { zeroRound } from '../suites/zero.ts';
import { floatWorkload } from '../workload/workload.ts';
import { InstantWorker } from '../zero/instant-worker.ts';

/** Small, so that there is time for many repetitions, of which some will be undisturbed. */
const SHAPE = { layers: 20, width: 2_000, inputsPerTask: 3 };

/** Processor time of a task in each kind of process, in microseconds. */
export type CpuByProcess = Readonly<Record<string, number>>;

/** A suite whose cost is guarded. */
export interface Guarded {
  readonly suite: string;
  /** How many processors it keeps busy, if they are there. */
  readonly threads: number;
  /** How often it is measured in a turn. */
  readonly repeat: number;
  /** Runs it once. */
  measure(): Promise<CpuByProcess>;
}

/** Suites that were started, and are stopped with the stack. */
export async function startGuarded(
  context: BenchContext,
  stack: AsyncDisposableStack,
): Promise<readonly Guarded[]> {
  const workload = floatWorkload('layered-40k', layeredGraph(SHAPE));
  const tasks = workload.graph.taskCount;
  const controlPlane = stack.use(
    await startBenchCluster(context, { executionManagers: 0, name: 'zero' }),
  );
  const worker = stack.use(await InstantWorker.start(controlPlane.cluster.storageUrl));
  const whole = stack.use(await startBenchCluster(context, { name: 'layered' }));
  const zero = zeroRound(controlPlane, worker, workload);
  const layered = jobRound(whole, workload);
  return [
    {
      suite: 'engine',
      threads: 1,
      // It takes some milliseconds only.
      repeat: 5,
      measure: async () => {
        const { cpuUs } = completeOnce(workload);
        return { machine: cpuUs / tasks };
      },
    },
    // The worker is the benchmark's own, and in this process.
    {
      suite: 'zero',
      threads: 2,
      repeat: 1,
      measure: () => measureRound(controlPlane, zero, ['storage']),
    },
    {
      suite: 'layered',
      threads: 2,
      repeat: 1,
      measure: () => measureRound(whole, layered, ['storage', 'executionManager', 'executors']),
    },
  ];
}

async function measureRound(
  { cluster }: BenchCluster,
  round: Round,
  processes: readonly string[],
): Promise<CpuByProcess> {
  const before = await readUsage(cluster);
  await Promise.race([round.run(), cluster.failed]);
  const after = await readUsage(cluster);
  await round.verify();
  const all = cpuMicrosPerTask(before, after, round.tasks);
  return Object.fromEntries(processes.map((name) => [name, all[name] ?? Number.NaN]));
}
