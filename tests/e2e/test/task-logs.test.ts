import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, defineJob, type JobHandle, string } from '@spider/client';
import { startLocalCluster } from '@spider/local-cluster';
import { expect, it, onTestFinished } from 'vitest';
import { repositoryPath, runProcess, startProcess } from '../src/index.ts';
import { recount } from './task-packages/lifecycle/index.ts';

const SPIDER = repositoryPath('apps/cli/dist/main.js');

const job = defineJob([string], (graph, file) => {
  graph.task(recount, file);
  return [];
});

async function textsOf(handle: JobHandle<unknown>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of handle.taskLog(0)) texts.push(text);
  return texts;
}

it('the log of a task is read while it runs, when it has ended, and not where nobody keeps it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spider-task-logs-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const cluster = await startLocalCluster({
    directory,
    packageDir: repositoryPath('tests/e2e/test/task-packages'),
    slots: 1,
    config: {
      storage: { runtime: { execution_managers: { stream_grace_ms: 1_000 } } },
      executionManager: {
        logs: { dir: 'logs' },
        liveness: { storage_silence_ms: 300, attempt_timeout_ms: 200 },
        task_executor: { guard_rail: { write: [directory] } },
      },
    },
  });
  onTestFinished(() => cluster.stop());
  using client = connect({ endpoints: [cluster.storageUrl] });

  const first = join(directory, 'first');
  const running = await client.submitAndStart(job, [first]);
  const args = [SPIDER, 'logs', String(running.id), '0', '--endpoint', cluster.storageUrl];
  const follower = startProcess([...args, '--follow']);
  await follower.stdoutWith('begins');
  expect(await textsOf(running)).toEqual(['begins']);
  writeFileSync(first, 'go on');
  expect(await follower.finished).toEqual({ code: 0, stdout: 'begins\nends\n', stderr: '' });
  await running.wait();
  expect(await textsOf(running)).toEqual(['begins', 'ends']);

  const second = join(directory, 'second');
  writeFileSync(second, 'fail');
  const failed = await client.submitAndStart(job, [second]);
  await failed.wait();
  const [manager] = cluster.processes.executionManagers;
  manager?.kill('SIGKILL');
  await expect(textsOf(failed)).rejects.toThrow(
    /^the log is kept by execution manager 1 on .*, which has ended: its stream stayed closed$/,
  );
  const { code, stderr } = await runProcess(args);
  expect(code).toBe(1);
  expect(stderr).toContain('no execution manager that is connected keeps a line of it');

  // One that is started in its place has its files.
  await manager?.restart();
  expect(await textsOf(failed)).toEqual(['begins', 'ends']);
});
