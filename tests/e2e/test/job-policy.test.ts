import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  connect,
  defineJob,
  JobState,
  list,
  type SpiderClient,
  taskStateName,
} from '@spider/client';
import {
  atlas,
  describeAtlas,
  giveUp,
  giveUpCleanup,
  submitAtlas,
} from '@spider/example-geometry/atlas';
import { pathLength, type Point, point } from '@spider/example-geometry';
import { type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { repositoryPath } from '../src/index.ts';

const triangle: readonly Point[] = [
  { x: 0, y: 0 },
  { x: 3, y: 4 },
];

/** Without a cleanup task, which would need an execution manager as well. */
const lone = defineJob([list(point)], (graph, path) => [graph.task(pathLength, path)]);

let directory: string;
let cluster: LocalCluster;
let client: SpiderClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spider-policy-'));
  const folders = [tmpdir()];
  cluster = await startLocalCluster({
    directory,
    packageDir: repositoryPath('examples'),
    executionManagers: 1,
    slots: 2,
    embeddedScheduler: true,
    config: {
      executionManager: { task_executor: { guard_rail: { read: folders, write: folders } } },
    },
  });
  client = connect({ endpoints: [cluster.storageUrl] });
});

afterAll(async () => {
  client.close();
  await cluster[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

it('the job of the guide does all that it can, cleans up, and says what failed', async () => {
  const handle = await submitAtlas(client, [triangle, triangle]);
  expect(await describeAtlas(handle)).toBe('lengths: 5, 5');

  const failing = await submitAtlas(client, [[], triangle]);
  expect(await describeAtlas(failing)).toMatch(
    /^2 done, 1 skipped, failed: \d: .*an empty path has no bounds/s,
  );
  const states: string[] = [];
  for await (const { state } of failing.tasks()) states.push(taskStateName(state!));
  expect(states.at(-1), 'the cleanup task').toBe('SUCCEEDED');
  expect(states.toSorted()).toEqual(['FAILED', 'SKIPPED', 'SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
  expect(await failing.status()).toMatchObject({
    state: JobState.Failed,
    durability: 'sync',
    failurePolicy: 'continue',
    cleanupAfterFailure: true,
    deadlineMs: 600_000,
    failedTasks: 1,
    skippedTasks: 1,
  });
  const again = await failing.retry();
  expect(await again.status()).toMatchObject({ succeededTasks: 2, failurePolicy: 'continue' });
});

it('a cancel is remembered with its reason', async () => {
  const handle = await client.submitAndStart(lone, [triangle], {
    requires: { maps: 'none has them' },
  });
  const ended = { state: JobState.Cancelled, endReason: 'the maps are not needed any more' };
  expect(await giveUp(handle)).toMatchObject(ended);
  expect((await handle.describe()).status).toMatchObject(ended);
  await expect(handle.outputs()).rejects.toThrow(/it is CANCELLED: the maps are not needed/);
  await expect(handle.retry()).rejects.toThrow('the journal of a cancelled job is deleted');
});

it('a cleanup that nobody can run is seen to wait, and can be skipped', async () => {
  const requires = { maps: 'none has them' };
  const handle = await client.submitAndStart(atlas, [triangle, triangle], { requires });
  expect(await handle.cancel()).toBe(JobState.CleanupReady);
  expect((await handle.status()).waitingReason).toBe(
    'no execution manager has the labels maps=none has them',
  );
  expect((await giveUpCleanup(handle)).state).toBe(JobState.Cancelled);
});

it('a deadline is met by the next storage if the one that knew it was killed', async () => {
  const handle = await client.submitAndStart(lone, [triangle], {
    requires: { maps: 'none has them' },
    deadlineMs: 1_500,
  });
  const { storage } = cluster.processes;
  storage.kill('SIGKILL');
  await storage.restart();
  const { state, errorMessage, endReason } = await handle.wait();
  expect(state).toBe(JobState.Failed);
  expect(endReason).toBe('deadline exceeded: the job had not ended 1500 ms after its start');
  expect(errorMessage).toContain(endReason);
});
