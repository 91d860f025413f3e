import { readFileSync, watch, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, defineJob, int32, string } from '@spider/client';
import { type ClusterProcess, type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { repositoryPath } from '../src/index.ts';
import { linger, stay } from './task-packages/lifecycle/index.ts';

/** Said at least so often; ten missed ones are the end of an execution manager. */
const HEARTBEAT_MS = 150;

const job = defineJob([string, int32, int32], (graph, record, firstMs, elsewhereMs) => [
  graph.task(stay, record, firstMs, elsewhereMs),
]);

const slowJob = defineJob([string, int32, int32], (graph, record, firstMs, elsewhereMs) => [
  graph.task(linger, record, firstMs, elsewhereMs),
]);

describe('of two execution managers', { timeout: 60_000 }, () => {
  let directory: string;
  let record: string;
  let cluster: LocalCluster;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spider-ends-'));
    record = join(directory, 'runs');
    writeFileSync(record, '');
    cluster = await startLocalCluster({
      directory,
      packageDir: repositoryPath('tests/e2e/test/task-packages'),
      executionManagers: 2,
      slots: 1,
      config: {
        storage: {
          runtime: {
            execution_managers: { heartbeat_interval_ms: HEARTBEAT_MS, stream_grace_ms: 1_000 },
          },
        },
        executionManager: {
          // Back within less than the grace, or storage would not take it.
          liveness: { storage_silence_ms: 300, attempt_timeout_ms: 200 },
          task_executor: { guard_rail: { write: [directory] } },
        },
      },
    });
  });

  afterEach(async () => {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** The processes of the execution managers that have begun to run the task, once there are so many. */
  async function runs(count: number): Promise<number[]> {
    const read = (): number[] => readFileSync(record, 'utf8').split('\n').slice(0, -1).map(Number);
    const { promise, resolve } = Promise.withResolvers<void>();
    const watcher = watch(record, () => {
      if (read().length >= count) resolve();
    });
    if (read().length >= count) resolve();
    await promise;
    watcher.close();
    return read();
  }

  function managerOf(pid: number | undefined): ClusterProcess {
    const found = cluster.processes.executionManagers.find((manager) => manager.pid === pid);
    if (found === undefined) throw new Error(`no execution manager is process ${pid}`);
    return found;
  }

  it('one that is asked to end finishes its task, and the other one does not run it again', async () => {
    using client = connect({ endpoints: [cluster.storageUrl] });
    const handle = await client.submitAndStart(job, [record, 10_000, 10_000]);
    const [pid] = await runs(1);
    const manager = managerOf(pid);
    manager.kill('SIGTERM');
    expect(await manager.exited).toEqual({ code: 0, signal: null });
    expect(await handle.outputs()).toEqual([pid]);
    expect(await runs(1)).toEqual([pid]);
  });

  it('one whose task is slow is overtaken by the other, and lets go of it', async () => {
    using client = connect({ endpoints: [cluster.storageUrl] });
    const handle = await client.submitAndStart(slowJob, [record, 30_000, 0]);
    const [slow, other] = await runs(2);
    expect(other).not.toBe(slow);
    expect(await handle.outputs()).toEqual([other]);
    // The slow one has its only slot back, long before its task would have ended.
    managerOf(other).kill('SIGKILL');
    const next = await client.submitAndStart(job, [record, 0, 0]);
    expect(await next.outputs()).toEqual([slow]);
  });

  it('one that stood still for too long reports in vain what another one runs by then', async () => {
    using client = connect({ endpoints: [cluster.storageUrl] });
    const handle = await client.submitAndStart(job, [record, 500, 3_000]);
    const [frozen] = await runs(1);
    managerOf(frozen).kill('SIGSTOP');
    const [, other] = await runs(2);
    expect(other).not.toBe(frozen);
    // Its executor has had its result for long.
    managerOf(frozen).kill('SIGCONT');
    expect(await handle.outputs()).toEqual([other]);
    expect(await runs(2)).toEqual([frozen, other]);
    // It is one again that work is given to.
    managerOf(other).kill('SIGKILL');
    const next = await client.submitAndStart(job, [record, 0, 0]);
    expect(await next.outputs()).toEqual([frozen]);
  });
});
