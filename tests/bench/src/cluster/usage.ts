import { childProcessIds, type LocalCluster, readProcessUsage } from '@spider/local-cluster';

/** What processes have used so far, those of a kind together. */
export type Usage = ReadonlyMap<string, { readonly cpuUs: number; readonly peakMb: number }>;

/** The processes of a cluster, and this one as the client. Empty where the system doesn't tell. */
export async function readUsage(cluster: LocalCluster): Promise<Usage> {
  const { storage, scheduler, executionManagers } = cluster.processes;
  const managers = executionManagers.map(({ pid }) => pid);
  const executors = await Promise.all(managers.map(childProcessIds));
  return readUsageOf([
    ['storage', [storage.pid]],
    ['scheduler', scheduler === undefined ? [] : [scheduler.pid]],
    ['executionManager', managers],
    ['executors', executors.flat()],
    ['client', [process.pid]],
  ]);
}

export async function readUsageOf(
  processes: readonly (readonly [kind: string, pids: readonly number[]])[],
): Promise<Usage> {
  const usage = new Map<string, { cpuUs: number; peakMb: number }>();
  for (const [kind, pids] of processes) {
    const each = await Promise.all(pids.map(readProcessUsage));
    const known = each.filter((one) => one !== undefined);
    if (known.length === 0) continue;
    usage.set(kind, {
      cpuUs: known.reduce((sum, { cpuUs }) => sum + cpuUs, 0),
      peakMb: known.reduce((sum, { peakMemoryKib }) => sum + peakMemoryKib / 1024, 0),
    });
  }
  return usage;
}

/** Processor time from one reading to the next, for each task. */
export function cpuMicrosPerTask(
  before: Usage,
  after: Usage,
  tasks: number,
): Record<string, number> {
  return Object.fromEntries(
    [...after].map(([kind, { cpuUs }]) => [kind, (cpuUs - (before.get(kind)?.cpuUs ?? 0)) / tasks]),
  );
}

export const peakRssMb = (usage: Usage): Record<string, number> =>
  Object.fromEntries([...usage].map(([kind, { peakMb }]) => [kind, Math.round(peakMb)]));
