import { describe, expect, test } from 'vitest';
import { chain, flat } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';
import { TestStorage } from '../testing/test-storage.ts';

const GPU = { gpu: 'true' };

/** How many of these tasks are of each job. */
function countsOf(tasks: readonly { readonly jobId: bigint }[]): Map<bigint, number> {
  const counts = new Map<bigint, number>();
  for (const { jobId } of tasks) counts.set(jobId, (counts.get(jobId) ?? 0) + 1);
  return counts;
}

describe('ready tasks go to pools of execution managers', () => {
  test('that have what their job requires', async () => {
    await using storage = await TestStorage.start();
    const demanding = await storage.submit(flat(2), undefined, { requires: GPU });
    const plain = await storage.submit(flat(2));
    const scheduler = await ScriptedScheduler.connect(storage.transport);
    scheduler.send({ openedPools: [{ pool: 1 }], pool: 1, credit: 10 });
    expect((await scheduler.take(2)).map(({ jobId }) => jobId)).toEqual([plain, plain]);
    scheduler.send({ openedPools: [{ pool: 2, labels: { ...GPU, zone: 'eu' } }] });
    scheduler.send({ pool: 2, credit: 10 });
    expect((await scheduler.take(2)).map(({ jobId }) => jobId)).toEqual([demanding, demanding]);
    expect(scheduler.inbox.all.flatMap(({ ready, pool }) => ready.map(() => pool))).toEqual([1, 2]);
  });

  test('that serve their resource group', async () => {
    await using storage = await TestStorage.start();
    await storage.submit(flat(2));
    const scheduler = await ScriptedScheduler.connect(storage.transport);
    scheduler.send({ openedPools: [{ pool: 1, resourceGroupIds: [9n] }], pool: 1, credit: 10 });
    scheduler.send({ openedPools: [{ pool: 2, resourceGroupIds: [1n, 9n] }], pool: 2, credit: 10 });
    await scheduler.take(2);
    expect(scheduler.inbox.all.flatMap(({ ready, pool }) => ready.map(() => pool))).toEqual([2]);
  });

  test('and come back from one that is closed', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(flat(3));
    const scheduler = await ScriptedScheduler.connect(storage.transport);
    scheduler.send({ openedPools: [{ pool: 1 }, { pool: 2, labels: GPU }], pool: 1, credit: 2 });
    await scheduler.take(2);
    scheduler.send({
      closedPools: [1],
      returned: [
        { jobId, taskIndexes: [0, 1] },
        { jobId: 404n, taskIndexes: [7] },
      ],
    });
    scheduler.send({ pool: 1, credit: 5 });
    scheduler.send({ pool: 2, credit: 5 });
    expect((await scheduler.take(3)).map(({ taskIndex }) => taskIndex)).toEqual([0, 1, 2]);
  });

  test('by the shares and the job order that the scheduler wants', async () => {
    await using storage = await TestStorage.start();
    const wide = await storage.submit(flat(40));
    const long = await storage.submit(chain(5));
    const first = await ScriptedScheduler.connect(storage.transport, { criticalPathFirst: true });
    first.send({ credit: 1 });
    const [task] = await first.take(1);
    expect(task?.jobId).toBe(long);
    const profiles = first.inbox.all.flatMap(({ jobs }) => jobs);
    expect(profiles).toMatchObject([{ jobId: long, priority: 0, criticalPath: 5 }]);
    const second = await ScriptedScheduler.connect(storage.transport);
    second.send({ credit: 20 });
    expect(countsOf(await second.take(20)).get(wide)).toBe(19);
  });

  test('of a higher priority first', async () => {
    await using storage = await TestStorage.start();
    await storage.submit(flat(10));
    const urgent = await storage.submit(flat(10), undefined, { priority: 7 });
    const scheduler = await ScriptedScheduler.connect(storage.transport);
    scheduler.send({ credit: 10 });
    expect(countsOf(await scheduler.take(10))).toEqual(new Map([[urgent, 10]]));
    expect(scheduler.inbox.all.flatMap(({ jobs }) => jobs)).toMatchObject([{ priority: 7 }]);
  });
});

describe('a job whose tasks nobody can run says why', () => {
  test('and that it is over, to whoever watches', async () => {
    await using storage = await TestStorage.start();
    const jobId = await storage.submit(flat(1), undefined, { requires: GPU });
    const reason = async (): Promise<string | undefined> =>
      (await storage.jobs.getJob({ jobId })).status?.waitingReason;
    expect(await reason()).toBe('no scheduler is connected');
    const scheduler = await ScriptedScheduler.connect(storage.transport);
    expect(await reason()).toBe('no execution manager is connected');
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { status } of storage.jobs.watchJob({ jobId }, { signal: stop.signal })) {
        seen.push(status?.waitingReason ?? '');
        if (seen.at(-1) === '') return;
      }
    })();
    scheduler.send({ openedPools: [{ pool: 1, resourceGroupIds: [99n] }] });
    scheduler.send({ openedPools: [{ pool: 2, labels: { zone: 'eu' } }], pool: 2, credit: 1 });
    await expect.poll(reason).toBe('no execution manager has the labels gpu=true');
    scheduler.send({ closedPools: [2] });
    await expect.poll(reason).toBe('no execution manager serves resource group 1');
    scheduler.send({ openedPools: [{ pool: 3, labels: GPU }] });
    await watching;
    expect(seen[0]).toContain('no execution manager');
    expect(await reason()).toBe('');
    stop.abort();
  });

  test('and what it requires, also when it has ended', async () => {
    await using storage = await TestStorage.start();
    const options = { requires: GPU, maxConcurrency: 3 };
    const jobId = await storage.submit(flat(1), undefined, options);
    await storage.jobs.cancelJob({ jobId });
    await collect(storage.jobs.watchJob({ jobId }));
    const { status } = await storage.jobs.getJob({ jobId });
    expect(status).toMatchObject(options);
  });
});

describe('a message about pools that breaks a rule ends its stream', () => {
  test.for<[string, Parameters<ScriptedScheduler['send']>[0], string]>([
    ['a pool numbered 0', { openedPools: [{ pool: 0 }] }, 'opened_pools: 0'],
    ['a number twice', { openedPools: [{ pool: 5 }, { pool: 5 }] }, 'opened_pools: 5'],
    ['an empty label', { openedPools: [{ pool: 1, labels: { '': 'x' } }] }, 'opened_pools.labels'],
    [
      'a group that is none',
      { openedPools: [{ pool: 1, resourceGroupIds: [0n] }] },
      'opened_pools.resource_group_ids: 0',
    ],
  ])('%s', async ([, message, text]) => {
    await using storage = await TestStorage.start();
    const scheduler = await ScriptedScheduler.connect(storage.transport);
    scheduler.send(message);
    const error = await scheduler.inbox.closed();
    expect(error).toMatchObject({ code: 'invalid-argument' });
    expect(error?.message).toContain(text);
  });

  test.for([0, 10_001])('a weight of %s', async (weight) => {
    await using storage = await TestStorage.start();
    const scheduler = new ScriptedScheduler(storage.transport);
    scheduler.send({ hello: { host: '', port: 0, groupWeights: { 2: weight } } });
    expect((await scheduler.inbox.closed())?.message).toContain('hello.group_weights[2]');
  });

  test('too many requirements, or too long ones', async () => {
    await using storage = await TestStorage.start();
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`l${at}`, '']));
    await expect(storage.submit(flat(1), undefined, { requires: many })).rejects.toThrow(
      'requires: 17 are more than 16',
    );
    await expect(
      storage.submit(flat(1), undefined, { requires: { k: 'v'.repeat(257) } }),
    ).rejects.toThrow('requires["k"]: 257 bytes are more than 256');
  });
});
