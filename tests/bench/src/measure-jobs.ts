import { type JobHandle, JobState, jobStateName } from '@spider/client';
import { systemClock } from '@spider/runtime/node';
import { type BenchResult, median } from './bench-result.ts';
import type { BenchCluster } from './cluster/bench-cluster.ts';
import { cpuMicrosPerTask, peakRssMb, readUsage } from './cluster/usage.ts';
import type { BenchContext } from './suite.ts';
import { compareOutputs } from './workload/evaluate-graph.ts';
import { unpackFloat64 } from './workload/float64.ts';
import type { Workload } from './workload/workload.ts';

/** Tasks that run before the first measured run: V8 needs them to get to its full speed. */
const WARM_UP_TASKS = 60_000;

/** One or more jobs, from their submission to the end of the last. */
export interface Round {
  readonly tasks: number;
  readonly edges: number;
  /** Submits and waits. */
  run(): Promise<unknown>;
  /** @throws Error if an output of what was run last is not the one expected. */
  verify(): Promise<void>;
}

export interface MeasureOptions {
  readonly suite: string;
  readonly workload: string;
  /** Rounds that do not count; by default so many that 60,000 tasks have run. */
  readonly warmUpRounds?: number;
}

/** Runs a round as often as the command asks for, and takes the median of each figure by itself. */
export async function measureRounds(
  { cluster, durability, executors }: BenchCluster,
  { runs, signal }: BenchContext,
  round: Round,
  { suite, workload, warmUpRounds = Math.ceil(WARM_UP_TASKS / round.tasks) }: MeasureOptions,
): Promise<BenchResult> {
  const seconds: number[] = [];
  const cpu: Record<string, number>[] = [];
  for (let run = -warmUpRounds; run < runs; run++) {
    signal.throwIfAborted();
    const before = await readUsage(cluster);
    const startedUs = systemClock.monotonicUs();
    await Promise.race([round.run(), cluster.failed]);
    const elapsedUs = systemClock.monotonicUs() - startedUs;
    const after = await readUsage(cluster);
    await round.verify();
    if (run < 0) continue;
    seconds.push(elapsedUs / 1e6);
    cpu.push(cpuMicrosPerTask(before, after, round.tasks));
  }
  return {
    suite,
    workload: executors === 'thread' ? `${workload}-threads` : workload,
    engine: 'spider',
    durability,
    tasks: round.tasks,
    edges: round.edges,
    seconds: median(seconds),
    tasksPerSecond: round.tasks / median(seconds),
    cpuMicrosPerTask: medians(cpu),
    peakRssMb: peakRssMb(await readUsage(cluster)),
    verified: true,
    runs,
  };
}

/** A round of one job. */
export function jobRound({ client }: BenchCluster, workload: Workload): Round {
  let handle: JobHandle | undefined;
  return {
    tasks: workload.graph.taskCount,
    edges: workload.edges,
    run: async () => {
      handle = await client.submitGraph(workload.graph, workload.inputs, { start: true });
      await succeeded(handle);
    },
    verify: async () => {
      if (handle !== undefined) await verifyOutputs(handle, workload);
    },
  };
}

/** @throws Error if the job ends otherwise. */
export async function succeeded(handle: JobHandle<unknown>): Promise<void> {
  const { state, errorMessage = 'no reason given' } = await handle.wait();
  if (state === JobState.Succeeded) return;
  throw new Error(`job ${handle.id} ended ${jobStateName(state)}: ${errorMessage}`);
}

/** @throws Error if an output is not the one expected. */
export async function verifyOutputs(handle: JobHandle, workload: Workload): Promise<void> {
  const outputs = (await handle.outputs()).map(unpackFloat64);
  const difference = compareOutputs(outputs, workload.expected);
  if (difference !== undefined)
    throw new Error(`${workload.name}, job ${handle.id}: ${difference}`);
}

function medians(each: readonly Record<string, number>[]): Record<string, number> {
  const kinds = Object.keys(each[0] ?? {});
  return Object.fromEntries(
    kinds.map((kind) => [kind, median(each.map((one) => one[kind] ?? Number.NaN))]),
  );
}
