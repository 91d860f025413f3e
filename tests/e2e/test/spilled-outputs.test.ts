import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, defineJob, int32, JobState } from '@spider/client';
import { readProcessUsage, startLocalCluster } from '@spider/local-cluster';
import { tuple } from '@spider/tdl';
import { expect, it } from 'vitest';
import { repositoryPath } from '../src/index.ts';
import {
  block,
  BLOCK_BYTES,
  BLOCKS_PER_DIGEST,
  digest,
  digestOf,
  fill,
} from './task-packages/bulk/index.ts';

const QUOTA_MIB = 16;
/** Sixteen times the quota, and all of it is there before the first part is needed. */
const OUTPUTS_MIB = 256;
const BLOCKS = (OUTPUTS_MIB * 1024 * 1024) / BLOCK_BYTES;
const DIGESTS = BLOCKS / BLOCKS_PER_DIGEST;
/** More than an idle storage takes: its quota is little beside what waits to be sent or collected. */
const MORE_MIB = 320;

/** The blocks of a digest lie apart, among those of three others. */
const seedOf = (one: number, at: number): number =>
  (one - (one % 4)) * BLOCKS_PER_DIGEST + (one % 4) + at * 4;

const job = defineJob(
  Array.from({ length: BLOCKS }, () => int32),
  (graph, ...seeds) => {
    const blocks = seeds.map((seed) => graph.task(fill, seed));
    type Block = (typeof blocks)[number];
    return Array.from({ length: DIGESTS }, (_, one) =>
      graph.task(digest, ...tuple(BLOCKS_PER_DIGEST, (at) => blocks[seedOf(one, at)] as Block)),
    );
  },
);

async function memoryMib(pid: number): Promise<{ now: number; peak: number }> {
  const usage = await readProcessUsage(pid);
  if (usage === undefined) throw new Error('this test needs the usage of processes, from /proc');
  return { now: usage.memoryKib / 1024, peak: usage.peakMemoryKib / 1024 };
}

it('a job whose outputs exceed their memory many times ends right, also when storage is killed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spider-spilled-'));
  try {
    await using cluster = await startLocalCluster({
      directory,
      packageDir: repositoryPath('tests/e2e/test/task-packages'),
      slots: 2,
      config: { storage: { runtime: { task_outputs: { memory_mb: QUOTA_MIB } } } },
    });
    using client = connect({ endpoints: [cluster.storageUrl] });
    const { storage } = cluster.processes;
    const idle = await memoryMib(storage.pid);
    const seeds = Array.from({ length: BLOCKS }, (_, seed) => seed);
    const handle = await client.submitAndStart(job, seeds);
    for await (const { succeededTasks } of handle.watch({ minIntervalMs: 20 })) {
      if (succeededTasks >= BLOCKS) break;
    }
    const running = await memoryMib(storage.pid);
    expect(running.peak - idle.now).toBeLessThan(MORE_MIB);
    storage.kill('SIGKILL');
    await storage.exited;
    await storage.restart();
    const restarted = await memoryMib(storage.pid);
    expect(restarted.peak - idle.now).toBeLessThan(MORE_MIB);
    expect(await handle.wait()).toMatchObject({ state: JobState.Succeeded });
    const ended = await memoryMib(storage.pid);
    expect(ended.peak - idle.now).toBeLessThan(MORE_MIB);
    const expected = Array.from({ length: DIGESTS }, (_, one) =>
      digestOf(tuple(BLOCKS_PER_DIGEST, (at) => block(seedOf(one, at)))),
    );
    expect(await handle.outputs()).toEqual(expected);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 300_000);
