import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, defineJob, int32 } from '@spider/client';
import { startLocalCluster } from '@spider/local-cluster';
import { expect, it, onTestFinished } from 'vitest';
import { repositoryPath } from '../src/index.ts';
import { keep } from './task-packages/lifecycle/index.ts';

/** Each keeps a share of memory, in one job. */
const job = defineJob([int32], (graph, mib) => [
  graph.task(keep, mib),
  graph.task(keep, mib),
  graph.task(keep, mib),
  graph.task(keep, mib),
]);

/** The processes that have run the four tasks, and how often. */
async function processesOf(
  taskExecutor: Readonly<Record<string, number>>,
  keptMib: number,
): Promise<readonly number[]> {
  const directory = await mkdtemp(join(tmpdir(), 'spider-recycling-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await using cluster = await startLocalCluster({
    directory,
    packageDir: repositoryPath('tests/e2e/test/task-packages'),
    slots: 1,
    config: { executionManager: { task_executor: taskExecutor } },
  });
  using client = connect({ endpoints: [cluster.storageUrl] });
  const handle = await client.submitAndStart(job, [keptMib]);
  const counts = new Map<number, number>();
  for (const pid of await handle.outputs()) counts.set(pid, (counts.get(pid) ?? 0) + 1);
  return [...counts.values()];
}

it('an executor runs one task after the other', async () => {
  expect(await processesOf({}, 0)).toEqual([4]);
});

it('an executor is replaced after as many as it may run', async () => {
  expect(await processesOf({ recycle_after_tasks: 1 }, 0)).toEqual([1, 1, 1, 1]);
  expect(await processesOf({ recycle_after_tasks: 2, spares: 0 }, 0)).toEqual([2, 2]);
});

it('an executor is replaced when it has grown too large, between two tasks', async () => {
  expect(await processesOf({ recycle_above_mib: 192 }, 200)).toEqual([1, 1, 1, 1]);
});
