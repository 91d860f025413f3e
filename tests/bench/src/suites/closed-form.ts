import {
  fanInGraph,
  fanOutGraph,
  independentGraph,
  layeredGraph,
  treeGraph,
} from '@spider/core/testing';
import type { TaskGraph } from '@spider/core';
import { startBenchCluster } from '../cluster/bench-cluster.ts';
import { jobRound, measureRounds } from '../measure-jobs.ts';
import type { Suite } from '../suite.ts';
import { floatWorkload } from '../workload/workload.ts';

/** 20 layers; each task of an inner one has exactly 3 parents. */
export const LAYERED = {
  'layered-10k': () => layeredGraph({ layers: 20, width: 500, inputsPerTask: 3 }),
  'layered-100k': () => layeredGraph({ layers: 20, width: 5_000, inputsPerTask: 3 }),
} as const;

export const flat = closedForm('flat', '10,000 tasks that depend on nothing', {
  'flat-10k': () => independentGraph(10_000),
});

export const layered = closedForm('layered', '20 layers of 500 and of 5,000, 3 parents', LAYERED);

export const fanIn = closedForm('fan-in', '10,000 tasks and one that takes all their outputs', {
  'fan-in-10k': () => fanInGraph(10_000),
});

export const fanOut = closedForm('fan-out', 'one task and 10,000 that take its output', {
  'fan-out-10k': () => fanOutGraph(10_000),
});

export const tree = closedForm('tree', 'a binary tree of 32,767 tasks', {
  'tree-32767': () => treeGraph({ depth: 14, fanOut: 2 }),
});

/** A suite that runs one graph after the other, each as one job, on the same cluster. */
function closedForm(
  name: string,
  summary: string,
  graphs: Readonly<Record<string, () => TaskGraph>>,
): Suite {
  return {
    name,
    summary,
    run: async function* run(context) {
      await using bench = await startBenchCluster(context);
      for (const [workloadName, makeGraph] of Object.entries(graphs)) {
        const workload = floatWorkload(workloadName, makeGraph());
        yield await measureRounds(bench, context, jobRound(bench, workload), {
          suite: name,
          workload: workloadName,
        });
      }
    },
  };
}
