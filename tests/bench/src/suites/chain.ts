import type { JobHandle } from '@spider/client';
import { encodeFrame, SOURCE_JOB_INPUT, type TaskGraph, TaskGraphBuilder } from '@spider/core';
import { type BenchResult, percentile } from '../bench-result.ts';
import { type BenchClusterOptions, startBenchCluster } from '../cluster/bench-cluster.ts';
import { measureRounds, type Round, succeeded } from '../measure-jobs.ts';
import type { BenchContext, Suite } from '../suite.ts';
import { tick } from '../task-packages/spider-bench/index.ts';
import { packFloat64, unpackFloat64 } from '../workload/float64.ts';

const HOPS = 1_000;
const WARM_UP_ROUNDS = 5;

export interface ChainOptions {
  readonly suite: string;
  readonly workload: string;
  readonly cluster: BenchClusterOptions;
}

export interface MeasuredChain {
  readonly result: BenchResult;
  /** When each task of each measured run began, in ms of the monotonic clock. */
  readonly startsMs: readonly (readonly number[])[];
}

export const chain: Suite = {
  name: 'chain',
  summary: 'tasks one after the other: the time a hop; durability sync unless told otherwise',
  run: async function* run(context) {
    const { result, startsMs } = await measureChain(context, {
      suite: 'chain',
      workload: `chain-${HOPS}`,
      cluster: { durability: 'sync' },
    });
    const hopsMs = startsMs.flatMap(hopsOf);
    const extra = { hopP50Ms: percentile(hopsMs, 0.5), hopP99Ms: percentile(hopsMs, 0.99) };
    yield { ...result, extra };
  },
};

/** Each task tells when it ran; the time from one to the next is a hop. */
export async function measureChain(
  context: BenchContext,
  { suite, workload, cluster }: ChainOptions,
): Promise<MeasuredChain> {
  await using bench = await startBenchCluster(context, cluster);
  const graph = chainOfTicks(HOPS + 1);
  const inputs = encodeFrame([packFloat64(0)]);
  const startsMs: number[][] = [];
  let round = 0;
  let handle: JobHandle | undefined;
  const job: Round = {
    tasks: graph.taskCount,
    edges: graph.child.length,
    run: async () => {
      handle = await bench.client.submitGraph(graph, inputs, { start: true });
      await succeeded(handle);
    },
    verify: async () => {
      const times = ((await handle?.outputs()) ?? []).map(unpackFloat64);
      verifyOrder(times);
      if (++round > WARM_UP_ROUNDS) startsMs.push(times);
    },
  };
  const options = { suite, workload, warmUpRounds: WARM_UP_ROUNDS };
  const result = await measureRounds(bench, context, job, options);
  return { result, startsMs };
}

/** How long each hop of a chain took. */
export function hopsOf(startsMs: readonly number[]): number[] {
  return startsMs.slice(1).map((start, before) => start - (startsMs[before] ?? Number.NaN));
}

/** @throws Error unless every task ran, and none before the one it waited for. */
function verifyOrder(startsMs: readonly number[]): void {
  if (startsMs.length !== HOPS + 1) {
    throw new Error(`${startsMs.length} of ${HOPS + 1} tasks ran`);
  }
  const early = hopsOf(startsMs).findIndex((hop) => !(hop > 0));
  if (early >= 0) throw new Error(`task ${early + 1} ran before the one it depends on`);
}

function chainOfTicks(length: number): TaskGraph {
  const builder = new TaskGraphBuilder();
  const [input] = tick.inputs.map(({ descriptor }) => descriptor);
  if (input === undefined) throw new Error('tick takes the time before');
  const kind = builder.addKind({
    packageName: tick.packageName,
    functionName: tick.functionName,
    inputs: [input],
    outputs: tick.outputs.map(({ descriptor }) => descriptor),
    policy: tick.policy,
  });
  builder.addJobInput(input);
  for (let task = 0; task < length; task++) {
    builder.beginTask(kind);
    if (task === 0) builder.addSource(SOURCE_JOB_INPUT, 0);
    else builder.addSource(task - 1, 0);
    builder.endTask();
  }
  builder.setJobOutputs(Array.from({ length }, (_, task) => ({ task, position: 0 })));
  return builder.build();
}
