import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type JobHandle, JobState } from '@spider/client';
import { compareOutputs, drawNetwork, evaluateNetwork } from '@spider/example-nn/network';
import { networkJob } from '@spider/example-nn/network-job';
import { childProcessIds, type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { processesNaming } from '@spider/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { repositoryPath } from '../src/index.ts';

const network = drawNetwork(10, 1_000, 42);
const expected = evaluateNetwork(network);
const job = networkJob(network);

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spider-e2e-'));
});

afterEach(async () => {
  const left = await processesNaming(directory);
  await rm(directory, { recursive: true, force: true });
  if (left.length > 0) throw new Error(`left behind: ${JSON.stringify(left)}`);
});

const start = (executionManagers: number, embeddedScheduler: boolean): Promise<LocalCluster> =>
  startLocalCluster({
    directory,
    packageDir: repositoryPath('examples'),
    executionManagers,
    slots: 2,
    embeddedScheduler,
  });

/** Runs the network's job, and something else when it is about in its middle. */
async function expectJobToSurvive(
  cluster: LocalCluster,
  disturb: (handle: JobHandle<readonly number[]>) => Promise<void>,
): Promise<void> {
  using client = connect({ endpoints: [cluster.storageUrl] });
  const handle = await client.submit(job, [...network.inputs], { start: true });
  let isDisturbed = false;
  for await (const { state, succeededTasks, totalTasks } of handle.watch({ minIntervalMs: 5 })) {
    if (isDisturbed || succeededTasks < totalTasks / 4) continue;
    expect(state, 'the job ended before it could be disturbed').toBe(JobState.Running);
    isDisturbed = true;
    await disturb(handle);
  }
  expect(isDisturbed).toBe(true);
  const status = await handle.status();
  expect(status.errorMessage).toBeUndefined();
  expect(status.state).toBe(JobState.Succeeded);
  expect(compareOutputs(await handle.outputs(), expected)).toBeUndefined();
}

describe.each([
  ['a scheduler of its own', false],
  ['an embedded scheduler', true],
])('with %s, a job ends with the right outputs', (_name, embeddedScheduler) => {
  it('when nothing happens', async () => {
    await using cluster = await start(1, embeddedScheduler);
    await expectJobToSurvive(cluster, async () => undefined);
  });

  it('when an executor is killed', async () => {
    await using cluster = await start(1, embeddedScheduler);
    const [manager] = cluster.processes.executionManagers;
    await expectJobToSurvive(cluster, async () => {
      const [executor] = await childProcessIds(manager?.pid ?? 0);
      expect(executor).toBeDefined();
      process.kill(executor ?? 0, 'SIGKILL');
    });
  });

  it('when one of two execution managers is killed', async () => {
    await using cluster = await start(2, embeddedScheduler);
    const [manager] = cluster.processes.executionManagers;
    await expectJobToSurvive(cluster, async () => {
      manager?.kill('SIGKILL');
      await manager?.exited;
    });
  });

  it('when the only execution manager is killed, and another comes', async () => {
    await using cluster = await start(1, embeddedScheduler);
    const [manager] = cluster.processes.executionManagers;
    await expectJobToSurvive(cluster, async () => {
      manager?.kill('SIGKILL');
      await manager?.exited;
      await cluster.addExecutionManager();
    });
  });
});
