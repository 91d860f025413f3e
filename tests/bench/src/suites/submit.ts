import { connect, type SpiderClient } from '@spider/client';
import { independentGraph } from '@spider/core/testing';
import { systemClock } from '@spider/runtime/node';
import { percentile } from '../bench-result.ts';
import { startBenchCluster } from '../cluster/bench-cluster.ts';
import { measureRounds, type Round, verifyOutputs } from '../measure-jobs.ts';
import type { Suite } from '../suite.ts';
import { floatWorkload } from '../workload/workload.ts';

const JOBS = 1_000;
const CLIENTS = 32;
const WARM_UP_ROUNDS = 2;

const job = floatWorkload('one task', independentGraph(1));

/** Jobs of one task, from submission to their verified output. */
export const submit: Suite = {
  name: 'submit',
  summary: 'jobs of one task: the time from submission to result, and jobs/s with 32 clients',
  run: async function* run(context) {
    await using bench = await startBenchCluster(context);
    using stack = new DisposableStack();
    const others = Array.from({ length: CLIENTS }, () =>
      stack.use(connect({ endpoints: [bench.cluster.storageUrl] })),
    );
    for (const clients of [[bench.client], others]) {
      const latenciesMs: number[] = [];
      const result = await measureRounds(bench, context, jobsRound(clients, latenciesMs), {
        suite: 'submit',
        workload: `submit-${clients.length}-clients`,
        warmUpRounds: WARM_UP_ROUNDS,
      });
      const measured = latenciesMs.slice(WARM_UP_ROUNDS * JOBS);
      yield {
        ...result,
        extra: {
          resultP50Ms: percentile(measured, 0.5),
          resultP99Ms: percentile(measured, 0.99),
        },
      };
    }
  },
};

/** Each client submits the next job as soon as it has the result of the one before. */
function jobsRound(clients: readonly SpiderClient[], latenciesMs: number[]): Round {
  return {
    tasks: JOBS,
    edges: 0,
    run: async () => {
      let next = 0;
      await Promise.all(
        clients.map(async (client) => {
          while (next++ < JOBS) {
            const startedUs = systemClock.monotonicUs();
            const handle = await client.submitGraph(job.graph, job.inputs, { start: true });
            await verifyOutputs(handle, job);
            latenciesMs.push((systemClock.monotonicUs() - startedUs) / 1000);
          }
        }),
      );
    },
    verify: () => Promise.resolve(),
  };
}
