import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, defineJob, int32, string } from '@spider/client';
import { readTaskLog } from '@spider/execution-manager';
import { type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { expect, it, onTestFinished } from 'vitest';
import { repositoryPath } from '../src/index.ts';
import { large, talk } from './task-packages/lifecycle/index.ts';

const MIB = 1024 * 1024;
const TALKS = 40;

async function start(
  executionManager: Readonly<Record<string, Readonly<Record<string, number | string>>>>,
): Promise<LocalCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'spider-output-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const cluster = await startLocalCluster({
    directory,
    packageDir: repositoryPath('tests/e2e/test/task-packages'),
    slots: 2,
    config: { executionManager },
  });
  onTestFinished(() => cluster.stop());
  return cluster;
}

it('what tasks print is kept by task, in order, whole, and cut where it is too long', async () => {
  const logs = await mkdtemp(join(tmpdir(), 'spider-logs-'));
  onTestFinished(() => rm(logs, { recursive: true, force: true }));
  const cluster = await start({ logs: { dir: logs }, task_executor: { max_log_line_bytes: 150 } });
  using client = connect({ endpoints: [cluster.storageUrl] });
  const job = defineJob([string], (graph, text) => {
    for (let i = 0; i < TALKS; i += 1) graph.task(talk, text);
    return [];
  });
  const handle = await client.submitAndStart(job, ['hello']);
  await handle.outputs();
  await cluster.processes.executionManagers[0]?.restart();
  const jobId = String(handle.id);
  for (let taskIndex = 0; taskIndex < TALKS; taskIndex += 1) {
    const lines = await readTaskLog({ directory: logs, jobId, taskIndex });
    expect(lines.map(({ text, isStderr }) => [text, isStderr])).toEqual([
      ['hello by console', false],
      ['hello by stdout', false],
      ['hello by stderr', true],
      [`${'x'.repeat(150)} […50 bytes cut]`, true],
      [expect.stringContaining('"level":"warn"'), true],
    ]);
  }
  expect(await readTaskLog({ directory: logs, jobId })).toHaveLength(5 * TALKS);
});

const largeJob = defineJob([int32], (graph, count) => [graph.task(large, count)]);

it('outputs that are larger than one message to the execution manager are refused', async () => {
  const cluster = await start({});
  using client = connect({ endpoints: [cluster.storageUrl] });
  const refused = await client.submitAndStart(largeJob, [8 * MIB]);
  await expect(refused.outputs()).rejects.toThrow(/more than the 8388608 that one message/);
  const taken = await client.submitAndStart(largeJob, [7 * MIB]);
  expect((await taken.outputs())[0]).toHaveLength(7 * MIB);
});

it('a message may be larger if that is configured', async () => {
  const cluster = await start({ task_executor: { max_message_mib: 16 } });
  using client = connect({ endpoints: [cluster.storageUrl] });
  const taken = await client.submitAndStart(largeJob, [12 * MIB]);
  expect((await taken.outputs())[0]).toHaveLength(12 * MIB);
});
