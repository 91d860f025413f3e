import { EXECUTOR_MODES } from '../bench-options.ts';
import type { BenchResult } from '../bench-result.ts';
import { type BenchCluster, startBenchCluster } from '../cluster/bench-cluster.ts';
import { findGrain } from '../grain/find-grain.ts';
import { grainWorkload } from '../grain/grain-workload.ts';
import { type Pattern, PATTERNS } from '../grain/patterns.ts';
import { jobRound, measureRounds } from '../measure-jobs.ts';
import type { BenchContext, Suite } from '../suite.ts';

const EFFICIENCY = 0.5;
const WARM_UP_ROUNDS = 10;
const WARM_UP_MS = 0.01;

/** Tasks keep a processor busy for as long as they are told to, in processes and in threads. */
export const grain: Suite = {
  name: 'grain',
  summary: 'patterns of Task Bench: the smallest task length at which half of the time is work',
  run: async function* run(context) {
    const modes = context.executors === undefined ? EXECUTOR_MODES : [context.executors];
    for (const executors of modes) {
      await using bench = await startBenchCluster(context, { executors, name: executors });
      for (const [name, pattern] of Object.entries(PATTERNS)) {
        yield await measure(bench, context, name, pattern);
      }
    }
  },
};

async function measure(
  bench: BenchCluster,
  context: BenchContext,
  name: string,
  pattern: Pattern,
): Promise<BenchResult> {
  const measureAt = (lengthMs: number, runs: number, warmUpRounds: number): Promise<BenchResult> =>
    measureRounds(
      bench,
      { ...context, runs },
      jobRound(bench, grainWorkload(name, pattern, lengthMs)),
      { suite: 'grain', workload: name, warmUpRounds },
    );
  const efficiencyOf = ({ tasks, seconds }: BenchResult, lengthMs: number): number =>
    (tasks * lengthMs) / context.slots / (seconds * 1000);
  await measureAt(WARM_UP_MS, 1, WARM_UP_ROUNDS);
  const runsEach = Math.ceil(context.runs / 2);
  const grainMs = await findGrain(
    async (lengthMs) => efficiencyOf(await measureAt(lengthMs, runsEach, 0), lengthMs),
    EFFICIENCY,
  );
  const result = await measureAt(grainMs, context.runs, 0);
  return { ...result, extra: { grainMs, efficiency: efficiencyOf(result, grainMs) } };
}
