import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type BenchCluster, startBenchCluster } from '../cluster/bench-cluster.ts';
import type { BenchContext } from '../suite.ts';
import { beginnings, groupsOf, measureShares, submitNaps } from './fairness.ts';

async function start(scheduler: Readonly<Record<string, unknown>> = {}): Promise<BenchCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'spider-fairness-'));
  const { signal } = new AbortController();
  const context: BenchContext = {
    directory,
    signal,
    slots: 2,
    runs: 1,
    executors: undefined,
    durability: undefined,
    database: 'sqlite',
    profileDir: undefined,
  };
  const bench = await startBenchCluster(context, { scheduler });
  onTestFinished(async () => {
    await bench[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });
  return bench;
}

test('a small job of another resource group gets half of the slots at once, however much waits', async () => {
  const { client } = await start();
  const [large, small] = await groupsOf(client);
  const backlog = await submitNaps(client, 1_500, large);
  for await (const { succeededTasks } of backlog.watch()) if (succeededTasks >= 100) break;
  const submittedMs = Number(process.hrtime.bigint()) / 1e6;
  const ofSmall = await beginnings(await submitNaps(client, 100, small));
  const lastMs = Math.max(...ofSmall);
  const between = (await beginnings(backlog)).filter((at) => at > submittedMs && at < lastMs);

  // Those that were in executors already, or on their way there, come on top.
  expect(between.length).toBeLessThanOrEqual(100 + 32);
});

test('resource groups of weights 1 and 3 run tasks as 1 to 3', async () => {
  // Ids are given from 1, the default group.
  const bench = await start({ weights: { 2: 1, 3: 3 } });
  const { heavyOverLight } = await measureShares(bench, { light: 500, heavy: 1_500 });

  expect(heavyOverLight).toBeGreaterThan(3 * 0.95);
  expect(heavyOverLight).toBeLessThan(3 * 1.05);
});
