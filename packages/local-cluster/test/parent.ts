// A process with a cluster, to be killed.
import { startLocalCluster, type LocalClusterOptions } from '../src/index.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as LocalClusterOptions;
const { processes } = await startLocalCluster(options);
const { storage, scheduler, executionManagers } = processes;
const pids = [storage, scheduler, ...executionManagers].map((each) => each?.pid);
process.stdout.write(`${JSON.stringify(pids)}\n`);
