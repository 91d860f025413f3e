import { describe, expect, test } from 'vitest';
import { chain, flat } from '../testing/graphs.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';
import { TestStorage } from '../testing/test-storage.ts';

const OUTPUT = [new Uint8Array([1])];
const KIND = 'test/take1';

async function start(concurrency: object = {}) {
  const storage = await TestStorage.start({ config: { runtime: { concurrency } } });
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  scheduler.send({ credit: 1000 });
  const worker = await ScriptedExecutionManager.register(storage.transport);
  return {
    storage,
    scheduler,
    /** Takes so many tasks, and no more are there. */
    take: async (count: number) => {
      const tasks = await scheduler.take(count);
      // Whatever was to follow has arrived before the second answer.
      for (let call = 0; call < 2; call++) await storage.jobs.listJobs({});
      expect(scheduler.tasks).toHaveLength(scheduler.taken);
      return tasks;
    },
    /** Runs tasks, to their success. */
    run: async (tasks: readonly { readonly jobId: bigint; readonly taskIndex: number }[]) => {
      await worker.flushed(worker.succeed(await worker.lease(tasks), OUTPUT));
    },
    lease: (tasks: readonly { readonly jobId: bigint; readonly taskIndex: number }[]) =>
      worker.lease(tasks),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };
}

describe('no more tasks are out at the same time than', () => {
  test('their job allows, whether they are on their way or run', async () => {
    await using bench = await start();
    await bench.storage.submit(flat(5), undefined, { maxConcurrency: 2 });
    const other = await bench.storage.submit(flat(1));
    const first = await bench.take(3);
    const limited = first.filter(({ jobId }) => jobId !== other);
    expect(limited.map(({ taskIndex }) => taskIndex)).toEqual([0, 1]);
    const leases = await bench.lease(limited);
    expect(leases).toHaveLength(2);
    await bench.run(first.filter(({ jobId }) => jobId === other));
    await bench.take(0);
    bench.scheduler.send({ credit: 1 });
    await bench.take(0);
  });

  test('their job allows, and the next go as those end', async () => {
    await using bench = await start();
    await bench.storage.submit(flat(5), undefined, { maxConcurrency: 2 });
    await bench.run(await bench.take(2));
    await bench.run(await bench.take(2));
    expect(await bench.take(1)).toMatchObject([{ taskIndex: 4 }]);
  });

  test('their resource group is configured for, over all of its jobs', async () => {
    await using bench = await start({ resource_groups: { 1: 3 } });
    await bench.storage.submit(flat(2));
    await bench.storage.submit(flat(4));
    const first = await bench.take(3);
    await bench.run(first.slice(0, 2));
    await bench.run(await bench.take(2));
    await bench.run(first.slice(2));
    expect(await bench.take(1)).toHaveLength(1);
  });

  test('their kind is configured for, over all jobs', async () => {
    await using bench = await start({ task_kinds: { [KIND]: 2 } });
    await bench.storage.submit(flat(3));
    await bench.storage.submit(chain(2));
    const first = await bench.take(2);
    await bench.run(first);
    await bench.run(await bench.take(2));
    const last = await bench.take(1);
    expect(last).toHaveLength(1);
  });

  test('is configured, also after tasks came back and jobs were cancelled', async () => {
    await using bench = await start({ resource_groups: { 1: 2 }, task_kinds: { [KIND]: 9 } });
    const jobId = await bench.storage.submit(flat(3));
    await bench.take(2);
    bench.scheduler.send({ returned: [{ jobId, taskIndexes: [0, 1] }] });
    await bench.take(2);
    await bench.storage.jobs.cancelJob({ jobId });
    const other = await bench.storage.submit(flat(3));
    expect(await bench.take(2)).toMatchObject([{ jobId: other }, { jobId: other }]);
  });
});
