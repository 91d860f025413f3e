import { Code } from '@connectrpc/connect';
import {
  COMMIT_TASK_INDEX,
  decodeFrame,
  encodeFrame,
  JobState,
  TaskOutcome,
  TaskState,
} from '@spider/core';
import { fromWireTaskState } from '@spider/proto';
import { expect, test } from 'vitest';
import { chain, encoded, flat, withTermination } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { Restarts } from '../testing/restarts.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import type { LeasedTask } from '../testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { TestStorage } from '../testing/test-storage.ts';

const refusedWith = (code: Code, text: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string });

/** A scheduler, and an execution manager that runs what is handed out to it. */
class Crew {
  readonly #storage: TestStorage;
  readonly #scheduler: ScriptedScheduler;
  readonly #worker: ScriptedExecutionManager;

  private constructor(
    storage: TestStorage,
    scheduler: ScriptedScheduler,
    worker: ScriptedExecutionManager,
  ) {
    this.#storage = storage;
    this.#scheduler = scheduler;
    this.#worker = worker;
  }

  static async of(storage: TestStorage): Promise<Crew> {
    const scheduler = await ScriptedScheduler.connect(storage.transport);
    scheduler.send({ credit: 100 });
    return new Crew(storage, scheduler, await ScriptedExecutionManager.register(storage.transport));
  }

  /** The indexes of all tasks that were handed out so far. */
  get ran(): number[] {
    return this.#scheduler.tasks.map(({ taskIndex }) => taskIndex);
  }

  /** Runs the next tasks, each to success unless it is the one that is to fail for good. */
  async run(count: number, failing?: number): Promise<LeasedTask[]> {
    const all: LeasedTask[] = [];
    for (let i = 0; i < count; i++) {
      const [task] = await this.#worker.lease(await this.#scheduler.take(1));
      if (task === undefined) throw new Error('no lease');
      all.push(task);
      const { taskIndex } = task;
      if (taskIndex === failing) {
        this.#worker.report([{ ...task, outcome: TaskOutcome.FailedForGood }]);
      } else {
        const isCommit = taskIndex === COMMIT_TASK_INDEX;
        this.#worker.succeed([task], isCommit ? [] : [Uint8Array.of(taskIndex)]);
      }
    }
    return all;
  }

  async end(jobId: bigint): Promise<number | undefined> {
    return (await collect(this.#storage.jobs.watchJob({ jobId }))).at(-1)?.status?.state;
  }

  /** Runs a job of three tasks in a row of which the last but one fails. */
  async failInTheMiddle(): Promise<bigint> {
    const { jobId } = await this.#storage.jobs.submitJob({
      taskGraph: encoded(chain(3, { maxRetries: 2 })),
      inputs: encodeFrame([Uint8Array.of(7)]),
      start: true,
      name: 'nightly',
      labels: { team: 'vision' },
      priority: 3,
    });
    await this.run(2, 1);
    if ((await this.end(jobId)) !== JobState.Failed) throw new Error('the job has not failed');
    return jobId;
  }
}

test('a retry is a job of its own in which only the failed part runs', async () => {
  await using storage = await TestStorage.start();
  const crew = await Crew.of(storage);
  const old = await crew.failInTheMiddle();
  const before = await storage.jobs.getJob({ jobId: old });

  const { jobId, ...answer } = await storage.jobs.retryJob({ jobId: old, start: true });
  expect(answer).toMatchObject({ state: JobState.Running, existed: false });
  const [second, third] = await crew.run(2);
  expect(await crew.end(jobId)).toBe(JobState.Succeeded);
  expect(crew.ran).toEqual([0, 1, 1, 2]);
  expect(decodeFrame(second?.inputs ?? new Uint8Array())).toEqual([Uint8Array.of(0)]);
  expect(decodeFrame(third?.inputs ?? new Uint8Array())).toEqual([Uint8Array.of(1)]);
  expect((await storage.jobs.getJob({ jobId })).status).toMatchObject({
    retryOfJobId: old,
    resourceGroupId: before.status?.resourceGroupId,
    succeededTasks: 3,
    failedAttempts: 0,
    name: 'nightly',
    labels: { team: 'vision' },
    priority: 3,
  });
  expect(await storage.jobs.getJob({ jobId: old })).toEqual(before);
  expect(before.status?.retryOfJobId).toBe(0n);
  expect((await storage.jobs.getJobOutputs({ jobId })).serializedOutputs.length).toBeGreaterThan(0);
});

test('what it took over survives a restart before it is started, and one after', async () => {
  await using restarts = await Restarts.create();
  const first = await restarts.start();
  const old = await (await Crew.of(first)).failInTheMiddle();
  const { jobId, state } = await first.jobs.retryJob({ jobId: old });
  expect(state).toBe(JobState.Ready);
  await first.jobs.deleteJob({ jobId: old });

  const second = await restarts.start();
  const unstarted = { state: JobState.Ready, succeededTasks: 1, readyTasks: 1, retryOfJobId: old };
  expect((await second.jobs.getJob({ jobId })).status).toMatchObject(unstarted);
  const { tasks } = await second.jobs.listTasks({ jobId });
  expect(tasks.map((task) => [fromWireTaskState(task.state), task.attempts])).toEqual([
    [TaskState.Succeeded, 1],
    [TaskState.Ready, 0],
    [TaskState.Pending, 0],
  ]);
  await second.jobs.startJob({ jobId });
  const crew = await Crew.of(second);
  await crew.run(1, 1);
  expect(crew.ran).toEqual([1]);
  expect(await crew.end(jobId)).toBe(JobState.Failed);

  const third = await restarts.start();
  const again = await third.jobs.retryJob({ jobId, start: true });
  const fourth = await restarts.start();
  expect((await fourth.jobs.getJob({ jobId: again.jobId })).status).toMatchObject({
    state: JobState.Running,
    succeededTasks: 1,
    retryOfJobId: jobId,
  });
  const rest = await Crew.of(fourth);
  await rest.run(2);
  expect(await rest.end(again.jobId)).toBe(JobState.Succeeded);
  expect(rest.ran).toEqual([1, 2]);
});

test('a job that has left memory can be retried', async () => {
  const clock = new SteppedClock();
  const config = { runtime: { journal: { flush_records: 1 } } };
  await using storage = await TestStorage.start({ clock, config });
  const old = await (await Crew.of(storage)).failInTheMiddle();
  clock.advance(301_000);
  const crew = await Crew.of(storage);
  const { jobId } = await storage.jobs.retryJob({ jobId: old, start: true });
  await crew.run(2);
  expect(await crew.end(jobId)).toBe(JobState.Succeeded);
  expect(crew.ran).toEqual([1, 2]);
});

test('of a job whose commit task failed the commit task alone runs', async () => {
  await using storage = await TestStorage.start();
  const crew = await Crew.of(storage);
  const old = await storage.submit(withTermination());
  await crew.run(2, COMMIT_TASK_INDEX);
  expect(await crew.end(old)).toBe(JobState.Failed);
  const { jobId: atOnce } = await storage.jobs.retryJob({ jobId: old, start: true });
  await crew.run(1);
  expect(await crew.end(atOnce)).toBe(JobState.Succeeded);
  const { jobId: later } = await storage.jobs.retryJob({ jobId: old });
  await storage.jobs.startJob({ jobId: later });
  await crew.run(1);
  expect(await crew.end(later)).toBe(JobState.Succeeded);
  const commits = [COMMIT_TASK_INDEX, COMMIT_TASK_INDEX, COMMIT_TASK_INDEX];
  expect(crew.ran).toEqual([0, ...commits]);
});

test('a job without a journal starts over', async () => {
  await using storage = await TestStorage.start({
    config: { runtime: { journal: { durability: 'job' } } },
  });
  const crew = await Crew.of(storage);
  const old = await crew.failInTheMiddle();
  const { jobId } = await storage.jobs.retryJob({ jobId: old, start: true });
  await crew.run(3);
  expect(await crew.end(jobId)).toBe(JobState.Succeeded);
  expect(crew.ran).toEqual([0, 1, 0, 1, 2]);
});

test('is made once for each key, however many ask for it at a time', async () => {
  await using storage = await TestStorage.start();
  const crew = await Crew.of(storage);
  const old = await crew.failInTheMiddle();
  const request = { jobId: old, idempotencyKey: 'again' };
  const answers = await Promise.all([1, 2, 3].map(() => storage.jobs.retryJob(request)));
  const [first] = answers;
  expect(answers.map(({ jobId, existed }) => [jobId, existed])).toEqual([
    [first?.jobId, false],
    [first?.jobId, true],
    [first?.jobId, true],
  ]);
  const started = await storage.jobs.retryJob({ ...request, start: true });
  expect(started).toMatchObject({ jobId: first?.jobId, existed: true, state: JobState.Running });
  const other = await storage.jobs.retryJob({ ...request, idempotencyKey: 'once more' });
  expect(other).toMatchObject({ existed: false });
});

test('is refused for a job that has not failed, and for one that nobody knows', async () => {
  await using storage = await TestStorage.start();
  const jobId = await storage.submit(flat(1));
  const refuse = async (request: object, code: Code, text: string): Promise<void> => {
    await expect(storage.jobs.retryJob({ jobId, ...request })).rejects.toEqual(
      refusedWith(code, text),
    );
  };
  const { FailedPrecondition, InvalidArgument, NotFound } = Code;
  const isRunning = `job ${jobId} is RUNNING; only a job that has failed can be retried`;
  await refuse({}, FailedPrecondition, isRunning);
  await storage.jobs.cancelJob({ jobId });
  const isCancelled = `job ${jobId} is CANCELLED; the journal of a cancelled job is deleted, so what it had finished is not known any more: submit it anew`;
  await refuse({}, FailedPrecondition, isCancelled);
  await refuse({ jobId: 404n }, NotFound, 'job 404 does not exist');
  const idempotencyKey = 'x'.repeat(257);
  await refuse({ idempotencyKey }, InvalidArgument, 'idempotency_key: 257 bytes');
  expect((await storage.jobs.listJobs({})).jobs).toHaveLength(1);
});
