import { create } from '@bufbuild/protobuf';
import { Code, createClient } from '@connectrpc/connect';
import type { HandlerContext } from '@connectrpc/connect';
import { encodeFrame, JobState } from '@spider/core';
import type { JobId } from '@spider/core';
import { JobService, WatchJobRequestSchema } from '@spider/proto';
import { createTransport, silentLogger } from '@spider/runtime';
import { systemClock } from '@spider/runtime/node';
import { expect, test } from 'vitest';
import { storageConfigSchema } from '../config.ts';
import { toJobRules } from '../job-rules.ts';
import type { JobStatus } from '../cache/job-status.ts';
import type { Jobs, WatchOptions } from '../jobs.ts';
import { chain, encoded, flat } from '../testing/graphs.ts';
import { openMemoryStore } from '../testing/memory-store.ts';
import { TestStorage } from '../testing/test-storage.ts';
import { createJobService } from './job-service.ts';

const INPUTS = encodeFrame([new Uint8Array([7])]);
const exhausted = (text: string): unknown =>
  expect.objectContaining({
    code: Code.ResourceExhausted,
    message: expect.stringContaining(text) as string,
  });

const withLimits = (limits: object): { readonly config: unknown } => ({
  config: { runtime: { limits } },
});

const one = { taskGraph: encoded(chain(1)), inputs: INPUTS };

test('jobs that have not ended are bounded, and one that ends makes room', async () => {
  await using storage = await TestStorage.start(withLimits({ jobs: 2 }));
  const { jobId } = await storage.jobs.submitJob(one);
  await storage.jobs.submitJob(one);
  await expect(storage.jobs.submitJob(one)).rejects.toEqual(
    exhausted('2 jobs have not ended, and runtime.limits.jobs allows no more'),
  );
  await storage.jobs.cancelJob({ jobId });
  await storage.jobs.submitJob(one);
  expect((await storage.jobs.listJobs({})).jobs).toHaveLength(3);
});

test('so are their tasks', async () => {
  await using storage = await TestStorage.start(withLimits({ tasks: 10 }));
  const six = { taskGraph: encoded(flat(6)), inputs: INPUTS };
  const { jobId } = await storage.jobs.submitJob(six);
  await expect(storage.jobs.submitJob(six)).rejects.toEqual(
    exhausted('6 tasks beside the 6 of jobs that have not ended are more than the 10 of'),
  );
  await storage.jobs.submitJob({ taskGraph: encoded(flat(4)), inputs: INPUTS });
  await storage.jobs.cancelJob({ jobId });
  await storage.jobs.submitJob(six);
});

test('so are the tasks, and the bytes, of one', async () => {
  const bytes = one.taskGraph.length;
  await using storage = await TestStorage.start(withLimits({ tasks_per_job: 5, job_bytes: bytes }));
  const refused = (text: string): unknown =>
    expect.objectContaining({
      code: Code.InvalidArgument,
      message: expect.stringContaining(text) as string,
    });
  await storage.jobs.submitJob(one);
  await expect(
    storage.jobs.submitJob({ taskGraph: encoded(flat(5)), inputs: INPUTS }),
  ).rejects.toEqual(refused(`more than the ${bytes} of runtime.limits.job_bytes`));
  await using few = await TestStorage.start(withLimits({ tasks_per_job: 5 }));
  await few.jobs.submitJob({ taskGraph: encoded(flat(5)), inputs: INPUTS });
  await expect(few.jobs.submitJob({ taskGraph: encoded(flat(6)), inputs: INPUTS })).rejects.toEqual(
    refused('task_graph: has 6 tasks, more than the 5 of runtime.limits.tasks_per_job'),
  );
});

test('so are the outputs of one, and the errors of its tasks that are kept', () => {
  const limits = { job_output_bytes: 1000, task_errors_per_job: 7, requests_per_job: 3 };
  const config = storageConfigSchema.parse({ runtime: { limits } });
  expect(toJobRules(config).limits).toEqual({
    outputBytes: 1000,
    taskErrors: 7,
    waitingRequests: 3,
  });
});

test('so are submissions while the database does not answer, and their bytes', async () => {
  const store = await openMemoryStore();
  const commit = store.jobs.commit.bind(store.jobs);
  const answers = Promise.withResolvers<void>();
  store.jobs.commit = async (batch) => {
    if (batch.submissions.length > 0) await answers.promise;
    return await commit(batch);
  };
  const bytes = one.taskGraph.length + INPUTS.length;
  await using storage = await TestStorage.start({
    store,
    ...withLimits({ submissions: 3, submission_bytes: 3 * bytes - 1 }),
  });
  const waiting = [storage.jobs.submitJob(one), storage.jobs.submitJob(one)];
  await expect(storage.jobs.submitJob(one)).rejects.toEqual(
    exhausted(`more than the ${3 * bytes - 1} of runtime.limits.submission_bytes`),
  );
  const retries = [7n, 7n].map((jobId) => storage.jobs.retryJob({ jobId }));
  const failures = await Promise.all(
    retries.map((retry) => retry.catch((error: unknown) => error)),
  );
  expect(failures).toContainEqual(expect.objectContaining({ code: Code.NotFound }));
  answers.resolve();
  await Promise.all(waiting);
  await storage.jobs.submitJob(one);
  expect((await storage.jobs.listJobs({})).jobs).toHaveLength(3);
});

test('so are those who watch a job, and one who leaves makes room', async () => {
  await using storage = await TestStorage.start(withLimits({ watches_per_job: 2 }));
  const { jobId } = await storage.jobs.submitJob(one);
  const other = createTransport({ url: storage.server.url });
  using _other = other;
  const watch = async (client = storage.jobs): Promise<AsyncIterator<unknown>> => {
    const statuses = client.watchJob({ jobId })[Symbol.asyncIterator]();
    await statuses.next();
    return statuses;
  };
  const first = await watch();
  await watch(createClient(JobService, other));
  await expect(watch()).rejects.toEqual(
    exhausted(`2 watch job ${jobId}, and runtime.limits.watches_per_job allows no more`),
  );
  // A connection that is lost counts as having left.
  other.close();
  for (;;) {
    const outcome: unknown = await watch().catch((error: unknown) => error);
    if (!(outcome instanceof Error)) break;
  }
  await first.return?.();
});

test('a submission that is repeated finds its job, although there is no room', async () => {
  await using storage = await TestStorage.start(withLimits({ jobs: 1 }));
  const first = storage.jobs.submitJob({ ...one, idempotencyKey: 'k' });
  const again = storage.jobs.submitJob({ ...one, idempotencyKey: 'k', start: true });
  const { jobId, existed } = await first;
  expect(existed).toBe(false);
  expect(await again).toMatchObject({ jobId, existed: true, state: JobState.Running });
  await expect(storage.jobs.submitJob({ ...one, idempotencyKey: 'l' })).rejects.toEqual(
    exhausted('1 jobs have not ended, and runtime.limits.jobs allows no more'),
  );
  expect((await storage.jobs.listJobs({})).jobs).toHaveLength(1);
});

test('a client that does not read is told the latest status alone', async () => {
  await using storage = await TestStorage.start();
  const { jobId } = await storage.jobs.submitJob(one);
  const status = await storage.service.jobs.status(jobId as JobId);
  let tell: ((status: JobStatus) => void) | undefined;
  const jobs = {
    watch: (_: JobId, { onStatus }: WatchOptions) => {
      tell = onStatus;
      return () => undefined;
    },
  };
  const service = createJobService({
    jobs: jobs as unknown as Jobs,
    logger: silentLogger,
    uploads: { clock: systemClock, budget: undefined as never, idleMs: 1, bytesMax: 1 },
    taskLogs: undefined as never,
  });
  const context = { signal: new AbortController().signal } as HandlerContext;
  const request = create(WatchJobRequestSchema, { jobId });
  const told: (number | undefined)[] = [];
  const statuses = service.watchJob(request, context);
  for (const succeededTasks of [1, 2, 3, 4]) tell?.({ ...status, succeededTasks });
  tell?.({ ...status, state: JobState.Succeeded, succeededTasks: 5 });
  for await (const message of statuses) told.push(message.status?.succeededTasks);
  expect(told).toEqual([1, 5]);
});
