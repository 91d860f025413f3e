import { startLocalCluster } from '@spider/local-cluster';
import type { Config, LocalCluster } from '@spider/local-cluster';

/** Storage as a process of its own, without a scheduler, on a database in this folder by default. */
export const startStorage = (directory: string, config: Config = {}): Promise<LocalCluster> =>
  startLocalCluster({
    directory,
    packageDir: directory,
    executionManagers: 0,
    config: { storage: { ...config, scheduler: { embedded: false } } },
  });
