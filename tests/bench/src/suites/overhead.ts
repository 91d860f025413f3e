import { encodeFrame, encodeTaskContext, encodeValue, ExecutorOutcome, toId } from '@spider/core';
import { systemClock } from '@spider/runtime/node';
import { type BenchResult, median, percentile } from '../bench-result.ts';
import { BENCH_PACKAGES } from '../cluster/bench-cluster.ts';
import { cpuMicrosPerTask, peakRssMb, readUsageOf, type Usage } from '../cluster/usage.ts';
import { ExecutorPipe, type PipeRequest } from '../overhead/executor-pipe.ts';
import type { Suite } from '../suite.ts';
import { echo } from '../task-packages/spider-bench/index.ts';

const STRINGS = 100;
const WARM_UP_RUNS = 3;
/** Requests in flight, and how many of them are made in a run. */
const WORKLOADS = [
  { depth: 1, requests: 5_000 },
  { depth: 64, requests: 50_000 },
] as const;

/** An executor process of ours, driven as an execution manager drives it. */
export const overhead: Suite = {
  name: 'overhead',
  summary: 'round trip to an executor beyond the time inside the task, 100 strings, depth 1 and 64',
  run: async function* run({ runs, signal }) {
    using pipe = new ExecutorPipe(BENCH_PACKAGES);
    for (const { depth, requests } of WORKLOADS) {
      yield await measure(pipe, depth, requests, runs, signal);
    }
  },
};

async function measure(
  pipe: ExecutorPipe,
  depth: number,
  requests: number,
  runs: number,
  signal: AbortSignal,
): Promise<BenchResult> {
  const beyondUs: number[] = [];
  const seconds: number[] = [];
  const perTaskUs: number[] = [];
  let before: Usage = new Map();
  for (let run = -WARM_UP_RUNS; run < runs; run++) {
    signal.throwIfAborted();
    if (run === 0) before = await readUsage(pipe);
    let insideUs = 0;
    const startedUs = systemClock.monotonicUs();
    await pipe.request(echoStrings(), requests, depth, (roundTripUs, result) => {
      if (result.outcome !== ExecutorOutcome.Succeeded) throw new Error('a task has failed');
      if (Buffer.compare(result.payload, OUTPUTS) !== 0)
        throw new Error('a task gave other strings');
      insideUs += result.elapsedUs;
      if (run >= 0) beyondUs.push(roundTripUs - result.elapsedUs);
    });
    const elapsedUs = systemClock.monotonicUs() - startedUs;
    if (run < 0) continue;
    seconds.push(elapsedUs / 1e6);
    perTaskUs.push((elapsedUs - insideUs) / requests);
  }
  const after = await readUsage(pipe);
  return {
    suite: 'overhead',
    workload: `echo-depth-${depth}`,
    engine: 'executor',
    durability: 'none',
    tasks: requests,
    edges: 0,
    seconds: median(seconds),
    tasksPerSecond: requests / median(seconds),
    cpuMicrosPerTask: cpuMicrosPerTask(before, after, requests * runs),
    peakRssMb: peakRssMb(after),
    verified: true,
    runs,
    extra: { perTaskBeyondUs: median(perTaskUs), roundTripBeyondP50Us: percentile(beyondUs, 0.5) },
  };
}

const STRING_LIST = Array.from({ length: STRINGS }, (_, i) => `string number ${i}`);
const [TYPE] = echo.inputs;
/** What goes in comes out. */
const OUTPUTS = encodeFrame([encodeValue(TYPE, STRING_LIST)]);

function echoStrings(): PipeRequest {
  const context = encodeTaskContext({
    jobId: toId(1n),
    taskIndex: 0,
    taskInstanceId: toId(1n),
    resourceGroupId: toId(0n),
    outputs: undefined,
  });
  const { packageName, functionName } = echo;
  return { packageName, functionName, context, inputs: OUTPUTS };
}

const readUsage = (pipe: ExecutorPipe): Promise<Usage> =>
  readUsageOf([
    ['executor', [pipe.pid]],
    ['parent', [process.pid]],
  ]);
