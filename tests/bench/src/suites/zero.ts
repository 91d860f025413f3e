import type { JobHandle } from '@spider/client';
import { type BenchCluster, startBenchCluster } from '../cluster/bench-cluster.ts';
import { measureRounds, type Round, succeeded } from '../measure-jobs.ts';
import type { Suite } from '../suite.ts';
import { verifyCannedOutputs } from '../workload/canned-outputs.ts';
import { floatWorkload, type Workload } from '../workload/workload.ts';
import { InstantWorker } from '../zero/instant-worker.ts';
import { LAYERED } from './closed-form.ts';

/** The client's processor time is the worker's too: both are this process. */
export const zero: Suite = {
  name: 'zero',
  summary: 'the control plane alone: a worker that reports success at once, over a real socket',
  run: async function* run(context) {
    await using bench = await startBenchCluster(context, { executionManagers: 0 });
    await using worker = await InstantWorker.start(bench.cluster.storageUrl);
    for (const [name, makeGraph] of Object.entries(LAYERED)) {
      const workload = floatWorkload(name, makeGraph());
      const round = zeroRound(bench, worker, workload);
      const result = await measureRounds(bench, context, round, { suite: 'zero', workload: name });
      yield { ...result, engine: 'spider control plane' };
    }
  },
};

/** A round of one job whose tasks are all reported by this worker. */
export function zeroRound(
  { client }: BenchCluster,
  worker: InstantWorker,
  workload: Workload,
): Round {
  const tasks = workload.graph.taskCount;
  let handle: JobHandle | undefined;
  let reportedBefore = 0;
  return {
    tasks,
    edges: workload.edges,
    run: async () => {
      reportedBefore = worker.reported;
      handle = await client.submitGraph(workload.graph, workload.inputs, { start: true });
      await Promise.race([succeeded(handle), worker.failed]);
    },
    verify: async () => {
      const reported = worker.reported - reportedBefore;
      if (reported !== tasks)
        throw new Error(`${workload.name}: ${reported} reports of ${tasks} tasks`);
      verifyCannedOutputs((await handle?.outputs()) ?? [], workload);
    },
  };
}
