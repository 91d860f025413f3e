import type { JobHandle, SpiderClient } from '@spider/client';
import {
  compareOutputs,
  drawNetwork,
  evaluateNetwork,
  type Network,
} from '@spider/example-nn/network';
import { networkJob } from '@spider/example-nn/network-job';
import { median } from '../bench-result.ts';
import { EXAMPLE_PACKAGES, startBenchCluster } from '../cluster/bench-cluster.ts';
import { measureRounds, type Round, succeeded } from '../measure-jobs.ts';
import type { Suite } from '../suite.ts';

const LAYERS = 10;
const WIDTH = 1_000;
const JOBS_AT_ONCE = 24;
const WARM_UP_ROUNDS = 8;

/** The job of `npm run demo`: 25 float64 inputs a task. */
export const nn: Suite = {
  name: 'nn',
  summary: 'the demo job: cold, warm, and 24 of them at once',
  run: async function* run(context) {
    const network = drawNetwork(LAYERS, WIDTH, 1);
    const cold = [];
    // Only the first job of a cluster is a cold one.
    for (let run = 0; run < context.runs; run++) {
      await using bench = await startBenchCluster(context, {
        packageDir: EXAMPLE_PACKAGES,
        name: `cold-${run}`,
      });
      cold.push(
        await measureRounds(bench, { ...context, runs: 1 }, networkRound(bench.client, [network]), {
          suite: 'nn',
          workload: 'nn-cold',
          warmUpRounds: 0,
        }),
      );
    }
    const typical = median(cold.map(({ seconds }) => seconds));
    const [first] = cold.toSorted(
      (a, b) => Math.abs(a.seconds - typical) - Math.abs(b.seconds - typical),
    );
    if (first !== undefined) yield { ...first, runs: cold.length };

    await using bench = await startBenchCluster(context, { packageDir: EXAMPLE_PACKAGES });
    yield await measureRounds(bench, context, networkRound(bench.client, [network]), {
      suite: 'nn',
      workload: 'nn-warm',
      warmUpRounds: WARM_UP_ROUNDS,
    });
    const networks = Array.from({ length: JOBS_AT_ONCE }, (_, job) =>
      drawNetwork(LAYERS, WIDTH, job + 1),
    );
    yield await measureRounds(bench, context, networkRound(bench.client, networks), {
      suite: 'nn',
      workload: `nn-${JOBS_AT_ONCE}-at-once`,
      warmUpRounds: 1,
    });
  },
};

/** A round of one job for each network, all at once. */
function networkRound(client: SpiderClient, networks: readonly Network[]): Round {
  const jobs = networks.map((network) => ({
    job: networkJob(network),
    inputs: [...network.inputs],
    expected: evaluateNetwork(network),
  }));
  let handles: readonly JobHandle<readonly number[]>[] = [];
  return {
    tasks: jobs.reduce((sum, { job }) => sum + job.graph.taskCount, 0),
    edges: jobs.reduce((sum, { job }) => sum + job.graph.child.length, 0),
    run: async () => {
      handles = await Promise.all(
        jobs.map(async ({ job, inputs }) => {
          const handle = await client.submit(job, inputs, { start: true });
          await succeeded(handle);
          return handle;
        }),
      );
    },
    verify: async () => {
      for (const [i, handle] of handles.entries()) {
        const difference = compareOutputs(
          await handle.outputs(),
          jobs[i]?.expected ?? new Float64Array(0),
        );
        if (difference !== undefined) throw new Error(`nn, job ${handle.id}: ${difference}`);
      }
    },
  };
}
