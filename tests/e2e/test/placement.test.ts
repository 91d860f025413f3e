import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, defineJob, int32, type JobHandle, type JobStatus, string } from '@spider/client';
import { type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryPath } from '../src/index.ts';
import { large, recount, stay } from './task-packages/lifecycle/index.ts';

/** The first group that is made on a new database. */
const GROUP = 2;

/** What each execution manager has and serves. */
const PLACES: Readonly<Record<string, { labels: Labels; resource_groups?: number[] }>> = {
  'execution-manager-1': { labels: { zone: 'eu' } },
  'execution-manager-2': { labels: { zone: 'eu', gpu: 'true' } },
  'execution-manager-3': { labels: { gold: 'yes' }, resource_groups: [GROUP] },
};

type Labels = Record<string, string>;

/** Answers the process of the execution manager that ran it. */
const where = defineJob([string, int32], (graph, record, zero) => [
  graph.task(stay, record, zero, zero),
]);

/** Four tasks that wait for a file. */
const held = defineJob([string], (graph, file) => {
  for (let i = 0; i < 4; i += 1) graph.task(recount, file);
  return [];
});

const quick = defineJob([int32], (graph, count) => [graph.task(large, count)]);

/** Follows a job until its status is as wanted. */
async function until(
  handle: JobHandle<unknown>,
  isWanted: (status: JobStatus) => boolean,
): Promise<JobStatus> {
  for await (const status of handle.watch()) if (isWanted(status)) return status;
  throw new Error('the job has ended');
}

describe('with several execution managers', () => {
  let directory: string;
  let cluster: LocalCluster;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spider-placement-'));
    cluster = await startLocalCluster({
      directory,
      packageDir: repositoryPath('tests/e2e/test/task-packages'),
      slots: 4,
      config: {
        storage: {
          runtime: {
            concurrency: {
              resource_groups: { [GROUP]: 1 },
              task_kinds: { 'lifecycle/recount': 3 },
            },
          },
        },
        executionManager: (name) => ({
          ...PLACES[name],
          task_executor: { guard_rail: { write: [directory] } },
        }),
      },
    });
  });

  afterAll(async () => {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('limits hold by job, by resource group and by kind, and hold up nothing else', async () => {
    using client = connect({ endpoints: [cluster.storageUrl] });
    const resourceGroupId = await client.addResourceGroup('limited', 'to one at a time');
    expect(resourceGroupId).toBe(BigInt(GROUP));
    const file = join(directory, 'go-on');
    const jobs = [];
    for (const options of [{ maxConcurrency: 1 }, { resourceGroupId }, {}]) {
      const handle = await client.submitAndStart(held, [file], options);
      await until(handle, ({ runningTasks }) => runningTasks === 1);
      jobs.push(handle);
    }
    // The fourth slot is free, for whatever is of another kind.
    const other = await client.submitAndStart(quick, [1]);
    expect(await other.outputs()).toHaveLength(1);
    for (const handle of jobs) {
      expect(await handle.status()).toMatchObject({ runningTasks: 1, readyTasks: 3 });
    }
    writeFileSync(file, 'go on');
    for (const handle of jobs) await handle.outputs();
  });

  it('a job runs where the labels are that it requires, and says what it waits for', async () => {
    using client = connect({ endpoints: [cluster.storageUrl] });
    const inputs = [join(directory, 'runs'), 0] as const;
    const pidOf = async (requires: Labels, group?: bigint): Promise<number> => {
      const options = { requires, ...(group && { resourceGroupId: group as never }) };
      const [pid] = await (await client.submitAndStart(where, inputs, options)).outputs();
      return pid;
    };
    const [first] = cluster.processes.executionManagers;
    expect(await pidOf({ zone: 'eu' })).toBe(first?.pid);

    const waiting = await client.submitAndStart(where, inputs, { requires: { gpu: 'true' } });
    const { waitingReason } = await until(waiting, (status) => status.waitingReason !== undefined);
    expect(waitingReason).toBe('no execution manager has the labels gpu=true');
    const second = await cluster.addExecutionManager();
    expect(await waiting.outputs()).toEqual([second.pid]);

    // One that serves a group alone is nobody else's, whatever its labels.
    const third = await cluster.addExecutionManager();
    const outsider = await client.submitAndStart(where, inputs, { requires: { gold: 'yes' } });
    const status = await until(outsider, (found) => found.waitingReason !== undefined);
    expect(status.waitingReason).toBe('no execution manager has the labels gold=yes');
    expect(await pidOf({ gold: 'yes' }, BigInt(GROUP))).toBe(third.pid);
    expect(await pidOf({ zone: 'eu', gpu: 'true' })).toBe(second.pid);
    await outsider.cancel();
  });
});
