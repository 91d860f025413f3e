import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { connect, type JobHandle, JobState, type JobStatus } from '@spider/client';
import { compareOutputs, drawNetwork, evaluateNetwork } from '@spider/example-nn/network';
import { networkJob } from '@spider/example-nn/network-job';
import { type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { JournalDecoder } from '@spider/storage/testing';
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

const start = (embeddedScheduler: boolean): Promise<LocalCluster> =>
  startLocalCluster({
    directory,
    packageDir: repositoryPath('examples'),
    executionManagers: 2,
    slots: 1,
    embeddedScheduler,
  });

/** Runs the network's job, and something else each time when another quarter of it is done. */
async function expectJobToSurvive(
  cluster: LocalCluster,
  disturb: (status: JobStatus, handle: JobHandle<readonly number[]>) => Promise<void>,
): Promise<void> {
  using client = connect({ endpoints: [cluster.storageUrl] });
  const handle = await client.submitAndStart(job, [...network.inputs]);
  let quarters = 0;
  for await (const status of handle.watch({ minIntervalMs: 5 })) {
    const { state, succeededTasks, totalTasks } = status;
    if (state !== JobState.Running || succeededTasks < ((quarters + 1) * totalTasks) / 4) continue;
    quarters += 1;
    await disturb(status, handle);
  }
  expect(quarters).toBeGreaterThan(0);
  const status = await handle.status();
  expect(status.errorMessage).toBeUndefined();
  expect(status.state).toBe(JobState.Succeeded);
  expect(compareOutputs(await handle.outputs(), expected)).toBeUndefined();
}

/** How many tasks the journal says have succeeded, or undefined if the job has ended in it. */
function journaledTasks(): number | undefined {
  const database = new DatabaseSync(join(directory, 'storage.sqlite'));
  try {
    const [row] = database.prepare('select state from jobs').all();
    if (row?.['state'] !== JobState.Running) return undefined;
    const rows = database.prepare('select records from journal order by sequence').all();
    const decoder = new JournalDecoder();
    const tasks = new Set<number>();
    for (const { records } of rows) {
      for (const { taskIndices } of decoder.push(records as Uint8Array)) {
        for (let at = 0; at < taskIndices.length; at++) tasks.add(taskIndices[at] ?? -1);
      }
    }
    return tasks.size;
  } finally {
    database.close();
  }
}

describe.each([
  ['a scheduler of its own', false],
  ['an embedded scheduler', true],
])('with %s', (_name, embeddedScheduler) => {
  it('a job survives kills of storage, and what was flushed stays done', async () => {
    await using cluster = await start(embeddedScheduler);
    const { storage } = cluster.processes;
    const { storageUrl } = cluster;
    await expectJobToSurvive(cluster, async (_status, handle) => {
      storage.kill('SIGKILL');
      await storage.exited;
      const flushed = journaledTasks();
      await storage.restart();
      expect(cluster.storageUrl).toBe(storageUrl);
      const { succeededTasks, totalTasks } = await handle.status();
      expect(succeededTasks).toBeGreaterThanOrEqual(flushed ?? totalTasks);
    });
  }, 120_000);
});

it('a job survives kills of the scheduler', async () => {
  await using cluster = await start(false);
  const { scheduler } = cluster.processes;
  await expectJobToSurvive(cluster, async () => {
    scheduler?.kill('SIGKILL');
    await scheduler?.exited;
    await scheduler?.restart();
  });
}, 120_000);
