import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  connect,
  defineJob,
  int32,
  type JobHandle,
  type SpiderClient,
  string,
} from '@spider/client';
import { childProcessIds, type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryPath } from '../src/index.ts';
import * as tasks from './task-packages/misbehaviour/index.ts';

const MEMORY_LIMIT_MIB = 192;
const PRINTED_MIB = 16;

const sum = defineJob([int32, int32], (graph, a, b) => [graph.task(tasks.add, a, b)]);

describe('an execution manager whose executors are threads', () => {
  let directory: string;
  let cluster: LocalCluster;
  let client: SpiderClient;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spider-threads-'));
    cluster = await startLocalCluster({
      directory,
      packageDir: repositoryPath('tests/e2e/test/task-packages'),
      slots: 1,
      config: {
        executionManager: {
          logs: { dir: 'logs' },
          task_executor: {
            mode: 'thread',
            guard_rail: { enabled: false },
            memory_limit_mib: MEMORY_LIMIT_MIB,
          },
        },
      },
    });
    client = connect({ endpoints: [cluster.storageUrl] });
  });

  afterAll(async () => {
    client.close();
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** Waits for a job, answers its failure or its outputs, and shows that the next job succeeds. */
  async function end<Outputs>(submitted: Promise<JobHandle<Outputs>>): Promise<string | Outputs> {
    const [manager] = cluster.processes.executionManagers;
    const pid = manager?.pid;
    const handle = await submitted;
    const result = await handle.outputs().catch((error: Error) => error.message);
    expect(await (await client.submitAndStart(sum, [40, 2])).outputs()).toEqual([42]);
    expect(manager?.pid).toBe(pid);
    return result;
  }

  it('runs a job of many tasks, and has no child processes for it', async () => {
    const fold = defineJob([int32], (graph, one) => {
      let total = graph.task(tasks.add, one, one);
      const others = Array.from({ length: 200 }, () => graph.task(tasks.add, one, one));
      for (const other of others) total = graph.task(tasks.add, total, other);
      return [total];
    });
    expect(await end(client.submitAndStart(fold, [1]))).toEqual([402]);
    const pid = cluster.processes.executionManagers[0]?.pid ?? 0;
    expect(await childProcessIds(pid)).toEqual([]);
  });

  it('stops a task that never returns at its hard timeout', async () => {
    const job = defineJob([], (graph) => [graph.task(tasks.block)]);
    expect(await end(client.submitAndStart(job, []))).toContain('hard timeout (500 ms) exceeded');
  });

  it('stops a task of a job that is cancelled', async () => {
    const job = defineJob([], (graph) => [graph.task(tasks.blockLong)]);
    const handle = await client.submitAndStart(job, []);
    await handle.taskLog(0, { follow: true })[Symbol.asyncIterator]().next();
    await handle.cancel();
    expect(await end(Promise.resolve(handle))).toContain('it is CANCELLED');
  });

  it('survives a task that ends its process, and tells the exit code', async () => {
    const job = defineJob([int32], (graph, code) => {
      graph.task(tasks.exit, code);
      return [];
    });
    expect(await end(client.submitAndStart(job, [7]))).toContain('executor crashed (exit code 7)');
  });

  it('survives a task that fails behind its own back, and keeps the trace', async () => {
    const job = defineJob([], (graph) => [graph.task(tasks.failLater)]);
    expect(await end(client.submitAndStart(job, []))).toContain('executor crashed (exit code 1)');
    const log = await cluster.processes.executionManagers[0]?.recentLog();
    expect(log?.join('\n')).toContain('Uncaught Error: nobody waits for this');
  });

  it.each([
    ['objects', tasks.leakObjects],
    ['buffers', tasks.leakBuffers],
  ])('survives a task that keeps %s until memory is used up', async (_name, task) => {
    const job = defineJob([], (graph) => [graph.task(task)]);
    expect(await end(client.submitAndStart(job, []))).toContain(
      `out of memory: limit ${MEMORY_LIMIT_MIB} MiB`,
    );
  });

  it('tells what a task threw', async () => {
    const job = defineJob([string], (graph, text) => {
      graph.task(tasks.throwText, text);
      return [];
    });
    expect(await end(client.submitAndStart(job, ['a bare word']))).toContain(
      'task failed: a bare word',
    );
  });

  it('keeps what a task prints, up to a bound', async () => {
    const job = defineJob([int32], (graph, mib) => [graph.task(tasks.printMib, mib)]);
    const handle = await client.submitAndStart(job, [PRINTED_MIB]);
    expect(await handle.outputs()).toEqual([PRINTED_MIB]);
    const lines: string[] = [];
    for await (const { text } of handle.taskLog(0)) lines.push(text);
    expect(lines[0]).toBe('x'.repeat(1023));
    expect(lines.at(-1)).toMatch(/^\[…\d+ bytes of output dropped\]$/);
    expect(lines.length).toBeLessThan(1100);
  });
});
