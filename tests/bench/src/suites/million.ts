import { isFinalJobState } from '@spider/core';
import type { JobHandle } from '@spider/client';
import { layeredGraph } from '@spider/core/testing';
import { systemClock } from '@spider/runtime/node';
import { median, percentile } from '../bench-result.ts';
import { startBenchCluster } from '../cluster/bench-cluster.ts';
import { measureRounds, type Round, succeeded, verifyOutputs } from '../measure-jobs.ts';
import type { Suite } from '../suite.ts';
import { floatWorkload } from '../workload/workload.ts';

const DESCRIBE_PAUSE_MS = 100;

/** One job of a million tasks, on a cluster that has run nothing before. */
export const million: Suite = {
  name: 'million',
  summary: 'a job of 10^6 tasks with 3·10^6 inputs: time to the first task, total, peak memory',
  run: async function* run(context) {
    const workload = floatWorkload(
      'million',
      layeredGraph({ layers: 20, width: 50_000, inputsPerTask: 3 }),
    );
    await using bench = await startBenchCluster(context);
    const firstTaskS: number[] = [];
    const describeMs: number[] = [];
    let handle: JobHandle | undefined;
    const round: Round = {
      tasks: workload.graph.taskCount,
      edges: workload.edges,
      run: async () => {
        const startedUs = systemClock.monotonicUs();
        handle = await bench.client.submitGraph(workload.graph, workload.inputs, { start: true });
        const described = describeUntilEnd(handle, describeMs);
        for await (const { succeededTasks } of handle.watch({ minIntervalMs: 0 })) {
          if (succeededTasks === 0) continue;
          firstTaskS.push((systemClock.monotonicUs() - startedUs) / 1e6);
          break;
        }
        await succeeded(handle);
        await described;
      },
      verify: async () => {
        if (handle !== undefined) await verifyOutputs(handle, workload);
      },
    };
    const result = await measureRounds(bench, context, round, {
      suite: 'million',
      workload: 'million',
      warmUpRounds: 0,
    });
    yield {
      ...result,
      extra: {
        firstTaskS: median(firstTaskS),
        describeP95Ms: percentile(describeMs, 0.95),
      },
    };
  },
};

async function describeUntilEnd(handle: JobHandle, latenciesMs: number[]): Promise<void> {
  for (;;) {
    const startedUs = systemClock.monotonicUs();
    const state = await handle.state();
    latenciesMs.push((systemClock.monotonicUs() - startedUs) / 1000);
    if (isFinalJobState(state)) return;
    await systemClock.sleep(DESCRIBE_PAUSE_MS);
  }
}
