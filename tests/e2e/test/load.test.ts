import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@spider/client';
import { compareOutputs, drawNetwork, evaluateNetwork } from '@spider/example-nn/network';
import { networkJob } from '@spider/example-nn/network-job';
import { startLocalCluster } from '@spider/local-cluster';
import { expect, it } from 'vitest';
import { repositoryPath } from '../src/index.ts';

const BATCHES = 3;
const JOBS = 8;

it('240,000 tasks of three times eight jobs at once give the right outputs', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spider-load-'));
  try {
    await using cluster = await startLocalCluster({
      directory,
      packageDir: repositoryPath('examples'),
      executionManagers: 1,
      slots: 2,
      embeddedScheduler: true,
    });
    using client = connect({ endpoints: [cluster.storageUrl] });
    for (let batch = 0; batch < BATCHES; batch++) {
      const networks = Array.from({ length: JOBS }, (_, job) =>
        drawNetwork(10, 1_000, batch * JOBS + job),
      );
      const differences = await Promise.all(
        networks.map(async (network) => {
          const inputs = [...network.inputs];
          const handle = await client.submitAndStart(networkJob(network), inputs);
          return compareOutputs(await handle.outputs(), evaluateNetwork(network));
        }),
      );
      expect(differences).toEqual(networks.map(() => undefined));
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 600_000);
