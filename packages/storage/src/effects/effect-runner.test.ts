import {
  DEFAULT_EXECUTION_POLICY,
  DEFAULT_JOB_POLICY,
  encodeFrame,
  JobState,
  TaskOutcome,
  toId,
} from '@spider/core';
import type { Durability, JobId, ResourceGroupId, TimestampMs } from '@spider/core';
import { SeededRng } from '@spider/runtime';
import { nodeZstd } from '@spider/runtime/node';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { describe, expect, test } from 'vitest';
import { JobCache } from '../cache/job-cache.ts';
import { JobWatch } from '../cache/job-watch.ts';
import { Job } from '../cache/job.ts';
import { SupersededError } from '../db/store-error.ts';
import { EffectRunner } from './effect-runner.ts';
import { NO_METADATA } from '../job-metadata.ts';
import { Journal } from '../journal/journal.ts';
import type { JobEffect } from '../machine/job-effect.ts';
import type { JobEvent } from '../machine/job-event.ts';
import { SoftTimeouts } from '../lease/soft-timeouts.ts';
import { JobMachine } from '../machine/job-machine.ts';
import { InboundQueue } from '../queue/inbound-queue.ts';
import { TaskInstances } from '../task-instances.ts';
import { chain } from '../testing/graphs.ts';
import { ScriptedStore } from '../testing/scripted-store.ts';

const INPUTS = encodeFrame([new Uint8Array([1])]);

/** A machine that contradicts itself when somebody leases from it. */
class ContradictoryMachine extends JobMachine {
  override handle(event: JobEvent, effects?: JobEffect[]): JobEffect[] {
    if (event.type === 'lease') throw new Error('invariant 7 does not hold');
    return super.handle(event, effects);
  }
}

async function start(durability: Durability = 'task') {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const store = new ScriptedStore();
  const cache = new JobCache({ clock, retentionMs: 1000 });
  const queue = new InboundQueue();
  const ended: Job[] = [];
  /** What the database says of every job. */
  const world: { storedState: JobState } = { storedState: JobState.Running };
  const journal = new Journal({
    store,
    clock,
    logger,
    rng: new SeededRng(1),
    onJobBroken: () => undefined,
  });
  const runner = new EffectRunner({
    clock,
    logger,
    cache,
    queue,
    journal,
    zstd: nodeZstd,
    store: {
      findJob: async (id) => ({
        id,
        resourceGroupId: toId<ResourceGroupId>(1),
        state: world.storedState,
        taskCount: 1,
        succeededTasks: 0,
        failedTasks: 0,
        skippedTasks: 0,
        failedAttempts: 0,
        errorMessage: undefined,
        endReason: undefined,
        submittedAt: clock.now(),
        startedAt: undefined,
        endedAt: undefined,
        metadata: NO_METADATA,
        policy: DEFAULT_JOB_POLICY,
        retryOf: undefined,
        isDamaged: false,
      }),
    },
    deadlines: { watch: () => undefined, forget: () => undefined },
    softTimeouts: new SoftTimeouts({ clock, onDue: () => undefined }),
    instances: await TaskInstances.open(async () => 2 ** 32),
    durability,
    link: () => undefined,
    onReady: () => undefined,
    onEnded: (job) => ended.push(job),
    onRecall: () => undefined,
  });
  const add = (
    id: number,
    state: JobState = JobState.Ready,
    Machine = JobMachine,
    tasks = 1,
    policy = DEFAULT_JOB_POLICY,
  ): Job => {
    const job = new Job({
      id: toId<JobId>(id),
      resourceGroupId: toId<ResourceGroupId>(1),
      machine: new Machine({ name: `job ${id}`, graph: chain(tasks), inputs: INPUTS, state }),
      submittedAt: 1 as TimestampMs,
      policy,
    });
    cache.add(job);
    return job;
  };
  return Object.assign(world, { clock, logger, store, cache, queue, journal, runner, ended, add });
}

const succeed = (at: TimestampMs, output = new Uint8Array([5]), instance = 0): JobEvent => {
  const payloads = encodeFrame([output]);
  return {
    type: 'report',
    at,
    executionManager: 1,
    taskIndices: [0],
    instanceBase: 2 ** 32,
    instanceOffsets: [instance],
    outcomes: [TaskOutcome.Succeeded],
    payloadLengths: [payloads.length],
    payloads,
    startedBaseMs: 1,
    startedOffsetsMs: [0],
    elapsedUs: [1],
  };
};

describe('a change of state', () => {
  test('shows, and hands out tasks, only when it is durable', async () => {
    const { clock, store, queue, runner, add } = await start();
    const job = add(1);
    const answer = runner.request(job, 'start');
    await clock.settle();
    expect(store.last.batch.changes).toMatchObject([
      { from: JobState.Ready, to: JobState.Running },
    ]);
    expect(job.status()).toMatchObject({ state: JobState.Ready, startedAt: undefined });
    expect(queue.isEmpty).toBe(true);
    store.last.succeed();
    expect(await answer).toBe(JobState.Running);
    expect(job.status()).toMatchObject({ state: JobState.Running, startedAt: clock.now() });
    expect(queue.isEmpty).toBe(false);
  });

  test('is made one after another: a cancel waits for the start before it', async () => {
    const { clock, store, runner, cache, ended, add } = await start();
    const job = add(1);
    const started = runner.request(job, 'start');
    const cancelled = runner.request(job, 'cancel');
    await clock.settle();
    expect(store.commits).toHaveLength(1);
    store.last.succeed();
    expect(await started).toBe(JobState.Running);
    await clock.settle();
    expect(store.commits).toHaveLength(2);
    expect(ended).toEqual([]);
    store.last.succeed();
    expect(await cancelled).toBe(JobState.Cancelled);
    expect(cache.find(job.id)).toBeUndefined();
    expect(cache.status(job.id)).toMatchObject({ state: JobState.Cancelled, endedAt: clock.now() });
    expect(ended).toEqual([job]);
  });

  test('whose answer was lost is found done', async () => {
    const { clock, store, runner, add } = await start();
    const job = add(1);
    const answer = runner.request(job, 'start');
    await clock.settle();
    store.last.answer([{ kind: 'conflict', state: JobState.Running }]);
    expect(await answer).toBe(JobState.Running);
  });

  test('that another storage has forestalled is for that one to decide', async () => {
    const { clock, store, runner, add } = await start();
    const job = add(1, JobState.Running);
    const answer = runner.request(job, 'cancel');
    await clock.settle();
    store.last.fail(new SupersededError(toId(1), 2n));
    await expect(answer).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('superseded by session 2') as string,
    });
    expect(job.status()).toMatchObject({ state: JobState.Running });
  });

  test('that the database contradicts fails the job', async () => {
    const { clock, store, runner, cache, add } = await start();
    const job = add(1, JobState.Running);
    const answer = runner.request(job, 'cancel');
    await clock.settle();
    store.last.answer([{ kind: 'conflict', state: JobState.Ready }]);
    await expect(answer).rejects.toThrow('in the database the job is READY, not RUNNING');
    await clock.settle();
    store.last.succeed();
    await clock.settle();
    expect(cache.status(job.id)).toMatchObject({ state: JobState.Failed });
  });
});

test('the last success writes outputs and state at once, and the job leaves memory', async () => {
  const { clock, store, runner, cache, journal, add } = await start();
  const job = add(1, JobState.Running);
  runner.lease(job, 1, [0]);
  runner.handle(job, succeed(clock.now()));
  await clock.settle();
  expect(store.commits).toHaveLength(1);
  const [change] = store.last.batch.changes;
  expect(change).toMatchObject({ to: JobState.Succeeded, succeededTasks: 1, deleteJournal: true });
  expect([...(change?.outputs ?? [])]).toEqual([0, 1, 0, 0, 0, 1, 0, 0, 0, 5]);
  expect(job.status().state).toBe(JobState.Running);
  store.last.succeed();
  await clock.settle();
  expect(cache.status(job.id)).toMatchObject({ state: JobState.Succeeded, succeededTasks: 1 });
  expect(journal.flushed).toBe(journal.appended);
  clock.advance(1000);
  expect(cache.status(job.id)).toBeUndefined();
  // The deadline of an instance that has ended is still looked at once.
  clock.advance(DEFAULT_EXECUTION_POLICY.softTimeoutMs);
  expect(clock.pendingTimers).toBe(0);
});

describe('durability', () => {
  const twoInARow = async (durability: Durability) => {
    const world = await start(durability);
    const job = world.add(1, JobState.Running, JobMachine, 2);
    world.runner.lease(job, 1, [0]);
    world.runner.handle(job, succeed(world.clock.now()));
    return { ...world, job };
  };

  test('task: goes on at once, and writes a moment later', async () => {
    const { clock, store, queue, journal } = await twoInARow('task');
    expect(queue.isEmpty).toBe(false);
    clock.advance(5);
    await clock.settle();
    expect(store.last.batch.journal).toHaveLength(1);
    expect(journal.flushed).toBe(0);
  });

  test('job: goes on, and writes nothing', async () => {
    const { clock, store, queue, journal } = await twoInARow('job');
    expect(queue.isEmpty).toBe(false);
    clock.advance(1000);
    await clock.settle();
    expect(store.commits).toEqual([]);
    expect(journal.flushed).toBe(journal.appended);
  });

  test('sync: writes at once, and goes on only then', async () => {
    const { clock, store, queue } = await twoInARow('sync');
    expect(queue.isEmpty).toBe(true);
    await clock.settle();
    expect(store.last.batch.journal).toHaveLength(1);
    expect(queue.isEmpty).toBe(true);
    store.last.succeed();
    await clock.settle();
    const taken: number[][] = [];
    queue.take(10, (_, taskIndexes) => taken.push(taskIndexes));
    expect(taken).toEqual([[1]]);
  });

  test('is that of the job, if it has one, in one flush for all', async () => {
    const { clock, store, queue, runner, add } = await start('job');
    const own = (durability: Durability) => ({ ...DEFAULT_JOB_POLICY, durability });
    const jobs = [
      add(1, JobState.Running, JobMachine, 2),
      add(2, JobState.Running, JobMachine, 2, own('task')),
      add(3, JobState.Running, JobMachine, 2, own('sync')),
    ];
    for (const job of jobs) {
      runner.lease(job, 1, [0]);
      runner.handle(job, succeed(clock.now(), undefined, job.number - 1));
    }
    const ready = () => {
      const found: number[] = [];
      queue.take(10, (job) => found.push(job.number));
      return found;
    };
    expect(ready()).toEqual([1, 2]);
    await clock.settle();
    expect(store.commits).toHaveLength(1);
    expect(store.last.batch.journal.map(({ jobId }) => jobId)).toEqual([2n, 3n]);
    expect(ready()).toEqual([]);
    store.last.succeed();
    await clock.settle();
    expect(ready()).toEqual([3]);
  });
});

describe('a machine that contradicts itself', () => {
  test('fails its job, with the reason, and no other', async () => {
    const { clock, store, runner, cache, logger, ended, add } = await start();
    const [broken, sound] = [
      add(1, JobState.Running, ContradictoryMachine),
      add(2, JobState.Running),
    ];
    runner.lease(broken, 1, [0]);
    runner.lease(sound, 1, [0]);
    await clock.settle();
    const errorMessage = 'internal error in storage: invariant 7 does not hold';
    expect(store.last.batch.changes).toMatchObject([
      { jobId: broken.id, from: JobState.Running, to: JobState.Failed, errorMessage },
    ]);
    store.last.succeed();
    await clock.settle();
    expect(cache.status(broken.id)).toMatchObject({ state: JobState.Failed, errorMessage });
    expect(ended).toEqual([broken]);
    expect(logger.lines).toMatchObject([{ level: 'error', fields: { jobId: broken.id } }]);
    // What still comes for it is nothing to anyone.
    runner.handle(broken, succeed(clock.now()));
    runner.handle(sound, succeed(clock.now()));
    await clock.settle();
    store.last.succeed();
    await clock.settle();
    expect(cache.status(sound.id)).toMatchObject({ state: JobState.Succeeded });
  });

  test('while its last change was being written ends as that says', async () => {
    const world = await start();
    const { clock, store, runner, cache, add } = world;
    const job = add(1, JobState.Running, ContradictoryMachine);
    runner.request(job, 'cancel').catch(() => undefined);
    await clock.settle();
    runner.lease(job, 1, [0]);
    world.storedState = JobState.Cancelled;
    store.last.succeed();
    await clock.settle();
    expect(store.commits).toHaveLength(1);
    expect(cache.find(job.id)).toBeUndefined();
    expect(cache.status(job.id)).toMatchObject({ state: JobState.Cancelled });
  });

  test('rejects those who wait for it', async () => {
    const { clock, store, runner, add } = await start();
    const job = add(1, JobState.Running, ContradictoryMachine);
    const cancelled = runner.request(job, 'cancel');
    await clock.settle();
    runner.lease(job, 1, [0]);
    await expect(cancelled).rejects.toThrow('job 1 contradicts itself and is out of service');
    await expect(runner.request(job, 'cancel')).rejects.toThrow('out of service');
    expect(store.commits).toHaveLength(1);
    store.last.succeed();
    await clock.settle();
  });
});

test('who watches a job hears of changes, not too often, and of the end at once', async () => {
  const { clock, store, runner, add } = await start();
  const job = add(1, JobState.Running);
  const notices: boolean[] = [];
  const finals: boolean[] = [];
  const notify = (into: boolean[]) => (hasEnded: boolean) => into.push(hasEnded);
  job.watches.add(new JobWatch({ clock, minIntervalMs: 100, notify: notify(notices) }));
  job.watches.add(new JobWatch({ clock, minIntervalMs: Infinity, notify: notify(finals) }));
  runner.lease(job, 1, [0]);
  runner.handle(job, { type: 'execution-manager-lost', executionManager: 1 });
  expect(notices).toEqual([false]);
  clock.advance(99);
  expect(notices).toEqual([false]);
  clock.advance(1);
  expect(notices).toEqual([false, false]);
  const cancelled = runner.request(job, 'cancel');
  await clock.settle();
  store.last.succeed();
  await cancelled;
  expect(notices).toEqual([false, false, true]);
  expect(finals).toEqual([true]);
  expect(job.watches.size).toBe(0);
});
