import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  bytes,
  connect,
  defineJob,
  type ExecutionManagerStatus,
  externalTask,
  int32,
  JobState,
  type SpiderClient,
} from '@spider/client';
import { startLocalCluster } from '@spider/local-cluster';
import { expect, onTestFinished, test, vi } from 'vitest';
import { monotonicMs, readExecutions } from './execution-record.ts';

const TASK_PACKAGES = fileURLToPath(new URL('../dist/task-packages', import.meta.url));
const TASKS = 12;
const TASK_MS = 1_000;

const mix = externalTask({
  packageName: 'chaos',
  functionName: 'chaos::mix0',
  inputs: [int32, int32, int32, int32],
  outputs: [bytes],
});

const slowTasks = defineJob([int32], (graph, durationUs) =>
  Array.from({ length: TASKS }, (_, salt) => graph.task(mix, salt, 16, durationUs, 0)),
);

async function managersOf(client: SpiderClient): Promise<ExecutionManagerStatus[]> {
  const managers: ExecutionManagerStatus[] = [];
  const all = client.cluster.executionManagers({ includeDead: true });
  for await (const manager of all) managers.push(manager);
  return managers;
}

test('a drained execution manager finishes what runs, reports it, and ends; nothing runs twice', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spider-drain-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const record = join(directory, 'executions');
  await using cluster = await startLocalCluster({
    directory,
    packageDir: TASK_PACKAGES,
    executionManagers: 2,
    slots: 2,
    env: { SPIDER_CHAOS_RECORD: record },
    config: {
      executionManager: {
        task_executor: {
          inherited_env: ['SPIDER_CHAOS_RECORD'],
          guard_rail: { write: [directory] },
        },
      },
    },
  });
  using client = connect({ endpoints: [cluster.storageUrl] });
  const handle = await client.submitAndStart(slowTasks, [TASK_MS * 1_000]);
  await vi.waitFor(
    async () => {
      const managers = await managersOf(client);
      expect(managers.map(({ runningTasks }) => runningTasks)).toEqual([2, 2]);
    },
    { timeout: 20_000, interval: 50 },
  );

  const [, first] = await managersOf(client);
  if (first === undefined) throw new Error('there is only one');
  expect(first).toMatchObject({ state: 'alive', slots: 2, isConnected: true });
  expect(first.version).toMatch(/^\d+\./);
  const ended = Promise.race(
    cluster.processes.executionManagers.map(async ({ pid, exited }) => ({
      pid,
      ...(await exited),
    })),
  );
  const askedMs = monotonicMs();
  expect(await client.cluster.drain(first.id)).toBe('draining');
  expect(await client.cluster.drain(first.id)).toBe('draining');
  const { pid, code } = await ended;
  expect(code).toBe(0);
  expect(await client.cluster.drain(first.id)).toBe('dead');
  expect(await managersOf(client)).toMatchObject([
    { state: 'alive' },
    { id: first.id, state: 'dead', endReason: 'it has left' },
  ]);

  expect(await handle.wait()).toMatchObject({ state: JobState.Succeeded, succeededTasks: TASKS });
  const executions = await readExecutions(record);
  expect(executions.map(({ task }) => task).sort((a, b) => a - b)).toEqual(
    Array.from({ length: TASKS }, (_, task) => task),
  );
  // It ran on what it had, to the end, and began no more than its executors were about to.
  const ofDrained = executions.filter(({ managerPid }) => managerPid === pid);
  expect(ofDrained.filter(({ endMs }) => endMs > askedMs).length).toBeGreaterThanOrEqual(2);
  expect(ofDrained.filter(({ startMs }) => startMs > askedMs + TASK_MS)).toEqual([]);
});
