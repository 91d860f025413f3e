import { setTimeout } from 'node:timers/promises';
import type { JobHandle, SpiderClient } from '@spider/client';
import {
  encodeFrame,
  type ResourceGroupId,
  SOURCE_JOB_INPUT,
  type TaskGraph,
  TaskGraphBuilder,
} from '@spider/core';
import { type BenchResult, median, percentile } from '../bench-result.ts';
import { type BenchCluster, startBenchCluster } from '../cluster/bench-cluster.ts';
import { peakRssMb, readUsage } from '../cluster/usage.ts';
import { succeeded } from '../measure-jobs.ts';
import type { Suite } from '../suite.ts';
import { nap } from '../task-packages/spider-bench/index.ts';
import { packFloat64, unpackFloat64 } from '../workload/float64.ts';

const NAP_MS = 5;
/** How long the large job has been at work when the small one comes. */
const AHEAD_MS = 1_000;

export const fairness: Suite = {
  name: 'fairness',
  summary: 'a small job beside the 100,000 tasks of another group, and groups of weights 1 and 3',
  run: async function* run(context) {
    yield await newcomer();
    yield await weights();

    async function newcomer(): Promise<BenchResult> {
      await using bench = await startBenchCluster(context, { name: 'newcomer' });
      const rounds = [];
      for (let round = 0; round < context.runs; round++) {
        rounds.push(await measureNewcomer(bench, { backlog: 100_000, tasks: 100 }));
      }
      const aloneMs = median(rounds.map((round) => round.aloneP99Ms));
      const besideMs = median(rounds.map((round) => round.besideP99Ms));
      return await toResult(bench, 'newcomer-100', 100, besideMs / 1000, context.runs, {
        aloneP99Ms: aloneMs,
        besideP99Ms: besideMs,
        besideOverAlone: besideMs / aloneMs,
      });
    }

    async function weights(): Promise<BenchResult> {
      // Ids of resource groups are given from 1, the default group.
      const scheduler = { weights: { 2: 1, 3: 3 } };
      await using bench = await startBenchCluster(context, { name: 'weights', scheduler });
      const rounds = [];
      for (let round = 0; round < context.runs; round++) {
        rounds.push(await measureShares(bench, { light: 2_000, heavy: 6_000 }));
      }
      const seconds = median(rounds.map((round) => round.seconds));
      return await toResult(bench, 'weights-1-3', 8_000, seconds, context.runs, {
        heavyOverLight: median(rounds.map((round) => round.heavyOverLight)),
      });
    }
  },
};

/**
 * How long the tasks of a small job wait until they run, at the 99th percentile: alone, and while
 * another resource group has a backlog.
 */
async function measureNewcomer(
  { client }: BenchCluster,
  { backlog, tasks }: { readonly backlog: number; readonly tasks: number },
): Promise<{ readonly aloneP99Ms: number; readonly besideP99Ms: number }> {
  const [large, small] = await groupsOf(client);
  // Code is warm, and the length of a task is known.
  await succeeded(await submitNaps(client, tasks, small));
  const aloneP99Ms = await waitingP99Ms(client, tasks, small);
  const before = await submitNaps(client, backlog, large);
  await setTimeout(AHEAD_MS);
  const besideP99Ms = await waitingP99Ms(client, tasks, small);
  const { succeededTasks } = await before.status();
  if (succeededTasks >= backlog / 2) throw new Error('the backlog was too small to matter');
  await before.cancel();
  return { aloneP99Ms, besideP99Ms };
}

/** How many tasks a group of weight 3 runs for each of a group of weight 1, while both have some. */
export async function measureShares(
  { client }: BenchCluster,
  sizes: { readonly light: number; readonly heavy: number },
): Promise<{ readonly heavyOverLight: number; readonly seconds: number }> {
  const [light, heavy] = await groupsOf(client);
  const handles = await Promise.all([
    submitNaps(client, sizes.light, light),
    submitNaps(client, sizes.heavy, heavy),
  ]);
  const [lightMs = [], heavyMs = []] = await Promise.all(handles.map(beginnings));
  const from = Math.max(Math.min(...lightMs), Math.min(...heavyMs));
  const to = Math.min(Math.max(...lightMs), Math.max(...heavyMs));
  // The time until it has settled, and the end of the first, do not count.
  const settled = from + (to - from) / 10;
  const count = (times: readonly number[]): number =>
    times.filter((time) => time >= settled && time < to).length;
  return { heavyOverLight: count(heavyMs) / count(lightMs), seconds: (to - from) / 1000 };
}

/** Two resource groups, which are found again. */
export async function groupsOf(client: SpiderClient): Promise<[ResourceGroupId, ResourceGroupId]> {
  return [
    await client.addResourceGroup('first', 'password'),
    await client.addResourceGroup('second', 'password'),
  ];
}

async function waitingP99Ms(
  client: SpiderClient,
  tasks: number,
  group: ResourceGroupId,
): Promise<number> {
  // The clock that tasks tell the time by.
  const submittedMs = Number(process.hrtime.bigint()) / 1e6;
  const began = await beginnings(await submitNaps(client, tasks, group));
  return percentile(began, 0.99) - submittedMs;
}

/** Starts a job of tasks that depend on nothing and take 5 ms each. */
export const submitNaps = (
  client: SpiderClient,
  tasks: number,
  resourceGroupId: ResourceGroupId,
): Promise<JobHandle> =>
  client.submitGraph(napsGraph(tasks), encodeFrame([packFloat64(NAP_MS)]), {
    start: true,
    resourceGroupId,
  });

/** When each task of a job began, in milliseconds of the machine's monotonic clock. */
export async function beginnings(handle: JobHandle): Promise<number[]> {
  await succeeded(handle);
  return (await handle.outputs()).map(unpackFloat64);
}

function napsGraph(tasks: number): TaskGraph {
  const builder = new TaskGraphBuilder();
  const inputs = nap.inputs.map(({ descriptor }) => descriptor);
  const kind = builder.addKind({
    packageName: nap.packageName,
    functionName: nap.functionName,
    inputs,
    outputs: nap.outputs.map(({ descriptor }) => descriptor),
    policy: nap.policy,
  });
  for (const input of inputs) builder.addJobInput(input);
  for (let task = 0; task < tasks; task++) {
    builder.beginTask(kind);
    builder.addSource(SOURCE_JOB_INPUT, 0);
    builder.endTask();
  }
  return builder.build();
}

async function toResult(
  { cluster, durability }: BenchCluster,
  workload: string,
  tasks: number,
  seconds: number,
  runs: number,
  extra: Readonly<Record<string, number>>,
): Promise<BenchResult> {
  return {
    suite: 'fairness',
    workload,
    engine: 'spider',
    durability,
    tasks,
    edges: 0,
    seconds,
    tasksPerSecond: tasks / seconds,
    cpuMicrosPerTask: {},
    peakRssMb: peakRssMb(await readUsage(cluster)),
    verified: true,
    runs,
    extra,
  };
}
