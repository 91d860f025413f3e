import { percentile } from '../bench-result.ts';
import type { Suite } from '../suite.ts';
import { measureChain } from './chain.ts';

/** Upper bounds of the histogram's bins; what is beyond the last one is in one more. */
const BINS_MS = [0.5, 1, 2, 5, 10, 20];

/**
 * From the moment a task ran to the moment the next one does: its report, the decision that the next is
 * ready, its way through the scheduler to the executor. More than from ready to running.
 */
export const dispatch: Suite = {
  name: 'dispatch',
  summary: 'how long a task takes from ready to running, with storage and scheduler apart',
  run: async function* run(context) {
    yield await measureChain(context, {
      suite: 'dispatch',
      workload: 'chain-separate',
      cluster: { separateScheduler: true },
      figures: (hopsMs) => ({
        dispatchP50Ms: percentile(hopsMs, 0.5),
        dispatchP99Ms: percentile(hopsMs, 0.99),
        ...histogram(hopsMs),
      }),
    });
  },
};

/** The fraction of hops in each bin. */
function histogram(hopsMs: readonly number[]): Record<string, number> {
  const bins: Record<string, number> = {};
  let from = 0;
  for (const to of [...BINS_MS, Infinity]) {
    const count = hopsMs.filter((hop) => hop >= from && hop < to).length;
    bins[to === Infinity ? `over${from}Ms` : `under${to}Ms`] = count / hopsMs.length;
    from = to;
  }
  return bins;
}
