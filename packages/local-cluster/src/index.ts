export type { ClusterProcess, ProcessExit } from './cluster-process.ts';
export { startLocalCluster } from './local-cluster.ts';
export type { LocalCluster, LocalClusterOptions, ServiceBinaries } from './local-cluster.ts';
export type { Config } from './merge-config.ts';
export { childProcessIds, readProcessUsage } from './process-usage.ts';
export type { ProcessUsage } from './process-usage.ts';
