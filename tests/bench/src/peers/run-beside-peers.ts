import { PEER_WORKLOADS, runPeers } from '@spider/peers';
import { type BenchResult, median } from '../bench-result.ts';
import type { BenchContext, Suite } from '../suite.ts';
import { chain } from '../suites/chain.ts';
import { fanIn, flat, layered } from '../suites/closed-form.ts';
import { formatPeerJson, formatPeerRow, PEER_TABLE_HEADER, type PeerRow } from './peer-row.ts';

/** In the order of the table; each has the workload of its name first. */
const SUITES: readonly Suite[] = [flat, fanIn, layered, chain];
const EDGES: Readonly<Record<string, number>> = {
  'flat-10k': 0,
  'fan-in-10k': 10_000,
  'layered-10k': 28_500,
  'chain-1000': 999,
};

export interface BesidePeersOptions {
  readonly json: boolean;
  readonly print: (line: string) => void;
}

/** Runs workloads on Spider, and then on each of the peers, on the same machine one after the other. */
export async function runBesidePeers(
  context: BenchContext,
  { json, print }: BesidePeersOptions,
): Promise<void> {
  const show = (row: PeerRow): void => print(json ? formatPeerJson(row) : formatPeerRow(row));
  if (!json) print(PEER_TABLE_HEADER);
  const spider = new Map<string, number>();
  for (const suite of SUITES) {
    const result = await firstResult(suite, context);
    const { workload, durability, tasks, edges, seconds, tasksPerSecond, runs } = result;
    const { cpuMicrosPerTask, peakRssMb } = result;
    spider.set(workload, tasksPerSecond);
    const measured = { tasks, edges, seconds, tasksPerSecond, runs, cpuMicrosPerTask, peakRssMb };
    show({ engine: 'spider', version: '', workload, durability, measured });
  }
  for await (const { peer, measured, ...result } of runPeers(context)) {
    const row = { ...result, engine: peer };
    if (measured === undefined) {
      show(row);
      continue;
    }
    const { tasks, seconds: each } = measured;
    const seconds = median(each);
    const tasksPerSecond = tasks / seconds;
    const ours = spider.get(result.workload);
    show({
      ...row,
      measured: {
        tasks,
        edges: EDGES[result.workload] ?? Number.NaN,
        seconds,
        tasksPerSecond,
        runs: each.length,
        cpuMicrosPerTask: {},
        peakRssMb: {},
        ...(ours !== undefined && { spiderIsTimesAsFast: ours / tasksPerSecond }),
      },
    });
  }
}

async function firstResult(suite: Suite, context: BenchContext): Promise<BenchResult> {
  for await (const result of suite.run(context)) {
    if (PEER_WORKLOADS.some((name) => name === result.workload)) return result;
  }
  throw new Error(`${suite.name} has none of the workloads ${PEER_WORKLOADS.join(', ')}`);
}
