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
import { processesNaming } from '@spider/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryPath } from '../src/index.ts';
import * as tasks from './task-packages/misbehaviour/index.ts';

const MEMORY_LIMIT_MIB = 256;
const PRINTED_MIB = 1_024;

const sum = defineJob([int32, int32], (graph, a, b) => [graph.task(tasks.add, a, b)]);

describe('a task that misbehaves fails as it should, and its execution manager goes on', () => {
  let directory: string;
  let cluster: LocalCluster;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spider-misbehaviour-'));
    cluster = await startLocalCluster({
      directory,
      packageDir: repositoryPath('tests/e2e/test/task-packages'),
      slots: 1,
      config: {
        executionManager: { task_executor: { memory_limit_mib: MEMORY_LIMIT_MIB } },
      },
    });
  });

  afterAll(async () => {
    await cluster.stop();
    const left = await processesNaming(directory);
    await rm(directory, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left behind: ${JSON.stringify(left)}`);
  });

  /** Runs a job, answers its failure or its outputs, and shows that the next job succeeds. */
  async function run<Outputs>(
    submit: (client: SpiderClient) => Promise<JobHandle<Outputs>>,
  ): Promise<string | Outputs> {
    using client = connect({ endpoints: [cluster.storageUrl] });
    const [manager] = cluster.processes.executionManagers;
    const pid = manager?.pid;
    const handle = await submit(client);
    const result = await handle.outputs().catch((error: Error) => error.message);
    const next = await client.submitAndStart(sum, [40, 2]);
    const [answer] = await next.outputs();
    if (answer !== 42 || manager?.pid !== pid) throw new Error('the execution manager is not well');
    return result;
  }

  it('that prints without end finishes, and its output is cut', async () => {
    const job = defineJob([int32], (graph, mib) => [graph.task(tasks.printMib, mib)]);
    expect(await run((client) => client.submitAndStart(job, [PRINTED_MIB]))).toEqual([PRINTED_MIB]);
    const log = await cluster.processes.executionManagers[0]?.recentLog();
    expect(log?.join('\n')).toContain('bytes of output dropped');
  });

  it('that prints past its executor finishes, and its output is cut', async () => {
    const job = defineJob([int32], (graph, mib) => [graph.task(tasks.printRawMib, mib)]);
    expect(await run((client) => client.submitAndStart(job, [PRINTED_MIB]))).toEqual([PRINTED_MIB]);
  });

  it('that never returns is stopped at its hard timeout', async () => {
    const job = defineJob([], (graph) => [graph.task(tasks.block)]);
    expect(await run((client) => client.submitAndStart(job, []))).toContain(
      'hard timeout (500 ms) exceeded',
    );
  });

  it('that forks is refused', async () => {
    const job = defineJob([], (graph) => [graph.task(tasks.forkProcess)]);
    expect(await run((client) => client.submitAndStart(job, []))).toContain(
      'task failed: ChildProcess of sleep is refused by the guard rail',
    );
  });

  it('that ends its process has crashed, with the exit code', async () => {
    const job = defineJob([int32], (graph, code) => {
      graph.task(tasks.exit, code);
      return [];
    });
    expect(await run((client) => client.submitAndStart(job, [7]))).toContain(
      'executor crashed (exit code 7)',
    );
  });

  it.each([
    ['objects', tasks.leakObjects],
    ['buffers', tasks.leakBuffers],
  ])('that keeps %s until memory is used up fails, with the limit', async (_name, task) => {
    const job = defineJob([], (graph) => [graph.task(task)]);
    expect(await run((client) => client.submitAndStart(job, []))).toContain(
      `out of memory: limit ${MEMORY_LIMIT_MIB} MiB`,
    );
  });

  it('that throws no error fails with what it threw', async () => {
    const job = defineJob([string], (graph, text) => {
      graph.task(tasks.throwText, text);
      return [];
    });
    expect(await run((client) => client.submitAndStart(job, ['a bare word']))).toContain(
      'task failed: a bare word',
    );
    const nothing = defineJob([], (graph) => {
      graph.task(tasks.throwNothing);
      return [];
    });
    expect(await run((client) => client.submitAndStart(nothing, []))).toContain(
      'task failed: undefined',
    );
  });

  it('that returns too many outputs fails, and nothing of them is kept', async () => {
    const job = defineJob([], (graph) => {
      const task = graph.task(tasks.wrongCount);
      return [task.out(0), task.out(1)];
    });
    expect(await run((client) => client.submitAndStart(job, []))).toMatch(
      /outputs not writable:.*expected 2/,
    );
  });

  it('that fails behind its own back has crashed', async () => {
    const job = defineJob([], (graph) => [graph.task(tasks.failLater)]);
    expect(await run((client) => client.submitAndStart(job, []))).toContain(
      'executor crashed (exit code 1)',
    );
  });

  it('leaves nothing running', async () => {
    const [manager] = cluster.processes.executionManagers;
    // One that works and one that is to spare.
    const children = await childProcessIds(manager?.pid ?? 0);
    expect(children.length).toBeLessThanOrEqual(2);
  });
});
