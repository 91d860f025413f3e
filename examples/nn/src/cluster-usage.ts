import { childProcessIds, type LocalCluster, readProcessUsage } from '@spider/local-cluster';

/** Processor time of each kind of process so far, in microseconds. */
export type ClusterUsage = ReadonlyMap<string, number>;

/** What the processes of a cluster have used so far; empty where the system doesn't tell. */
export async function readClusterUsage(cluster: LocalCluster): Promise<ClusterUsage> {
  const { storage, scheduler, executionManagers } = cluster.processes;
  const managers = executionManagers.map(({ pid }) => pid);
  const executors = await Promise.all(managers.map(childProcessIds));
  const usage = new Map<string, number>();
  for (const [name, pids] of [
    ['storage', [storage.pid]],
    ['scheduler', scheduler === undefined ? [] : [scheduler.pid]],
    ['execution manager', managers],
    ['executors', executors.flat()],
  ] as const) {
    const each = await Promise.all(pids.map(readProcessUsage));
    const known = each.filter((one) => one !== undefined);
    if (known.length > 0)
      usage.set(
        name,
        known.reduce((sum, { cpuUs }) => sum + cpuUs, 0),
      );
  }
  return usage;
}

/** Such as `storage 12.0, executors 3.4`: what was used from one reading to the next, by task. */
export function formatUsagePerTask(
  before: ClusterUsage,
  after: ClusterUsage,
  tasks: number,
): string {
  return [...after]
    .map(([name, cpuUs]) => `${name} ${((cpuUs - (before.get(name) ?? 0)) / tasks).toFixed(1)}`)
    .join(', ');
}
