import { percentile } from '../bench-result.ts';
import { dispatchTimes, ReadyStamps } from '../dispatch/ready-stamps.ts';
import { histogram } from '../histogram.ts';
import type { Suite } from '../suite.ts';
import { hopsOf, measureChain } from './chain.ts';

const BOUNDS_MS = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20];

/**
 * From the moment a task becomes ready in storage to the moment its code begins in the executor, by one
 * clock: all processes of a machine share the monotonic one.
 */
export const dispatch: Suite = {
  name: 'dispatch',
  summary: 'how long a task takes from ready to running, with storage and scheduler apart',
  run: async function* run(context) {
    const stamps = new ReadyStamps(context.directory);
    const { result, startsMs } = await measureChain(context, {
      suite: 'dispatch',
      workload: 'chain-separate',
      cluster: { separateScheduler: true, storageEnv: stamps.env },
    });
    const readyMs = stamps.read().slice(-startsMs.length);
    const timesMs = startsMs.flatMap((starts, round) =>
      dispatchTimes(readyMs[round] ?? [], starts),
    );
    const hopsMs = startsMs.flatMap(hopsOf);
    yield {
      ...result,
      extra: {
        dispatchP50Ms: percentile(timesMs, 0.5),
        dispatchP90Ms: percentile(timesMs, 0.9),
        dispatchP99Ms: percentile(timesMs, 0.99),
        dispatchMaxMs: percentile(timesMs, 1),
        hopP50Ms: percentile(hopsMs, 0.5),
        hopP99Ms: percentile(hopsMs, 0.99),
      },
      histogram: histogram('from ready to running, ms: tasks', timesMs, BOUNDS_MS),
    };
  },
};
