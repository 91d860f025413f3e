import { queryObjects } from 'node:v8';
import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { encodeFrame, TaskOutcome } from '@spider/core';
import { JobService, UploadJobRequestSchema } from '@spider/proto';
import type { UploadJobRequest } from '@spider/proto';
import { createTransport, OutgoingStream } from '@spider/runtime';
import type { RpcTransport } from '@spider/runtime';
import { expect, test } from 'vitest';
import { JobWatch } from './cache/job-watch.ts';
import { Job } from './cache/job.ts';
import { JobJournal } from './journal/job-journal.ts';
import { ExecutionManager } from './liveness/execution-manager.ts';
import { JobMachine } from './machine/job-machine.ts';
import { ExecutionManagerPool } from './queue/execution-manager-pools.ts';
import { WorkerConnection } from './rpc/worker-connection.ts';
import { UploadAssembly } from './submission/upload-assembly.ts';
import { chain, encoded } from './testing/graphs.ts';
import { ScriptedExecutionManager } from './testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from './testing/scripted-scheduler.ts';
import { SteppedClock } from './testing/stepped-clock.ts';
import { TestStorage } from './testing/test-storage.ts';

const ROUNDS = 12;
const INPUTS = encodeFrame([new Uint8Array([7])]);
const OUTPUT = [new Uint8Array([1])];

/** Whatever storage makes for those that come and go. */
const KINDS = [
  Job,
  JobMachine,
  JobJournal,
  JobWatch,
  ExecutionManager,
  WorkerConnection,
  UploadAssembly,
  ExecutionManagerPool,
  OutgoingStream,
];

/** How many of each are alive, after a garbage collection. */
const alive = (): Record<string, number> =>
  Object.fromEntries(KINDS.map((kind) => [kind.name, queryObjects(kind, { format: 'count' })]));

/** Everything that clients, execution managers and schedulers do in passing, well or badly. */
async function passBy(storage: TestStorage, transport: RpcTransport): Promise<void> {
  const jobs = createClient(JobService, transport);
  const submission = { taskGraph: encoded(chain(1)), inputs: INPUTS, start: true };
  const scheduler = await ScriptedScheduler.connect(transport);
  scheduler.send({ credit: 10 });
  const worker = await ScriptedExecutionManager.register(transport);

  const { jobId } = await jobs.submitJob({ ...submission, deadlineMs: 86_400_000n });
  await worker.flushed(worker.succeed(await worker.lease([{ jobId, taskIndex: 0 }]), OUTPUT));
  for await (const _ of jobs.watchJob({ jobId }));
  for await (const _ of jobs.downloadJobOutputs({ jobId }));

  const failing = await jobs.submitJob(submission);
  const [attempt] = await worker.lease([{ jobId: failing.jobId, taskIndex: 0 }]);
  if (attempt === undefined) throw new Error('the lease was refused');
  worker.report([{ ...attempt, outcome: TaskOutcome.FailedForGood, payload: new Uint8Array(1) }]);
  for await (const _ of jobs.watchJob({ jobId: failing.jobId }));
  await jobs.describeJob({ jobId: failing.jobId });
  await jobs.listTasks({ jobId: failing.jobId });
  const retry = await jobs.retryJob({ jobId: failing.jobId });
  await jobs.cancelJob({ jobId: retry.jobId });

  const running = await jobs.submitJob(submission);
  await worker.lease([{ jobId: running.jobId, taskIndex: 0 }]);
  // A watch and an upload that their client leaves without a word, with its connection.
  await jobs.watchJob({ jobId: running.jobId })[Symbol.asyncIterator]().next();
  const requests = new OutgoingStream<UploadJobRequest>();
  const value = { job: {}, taskGraphBytes: 5n, inputsBytes: 5n };
  requests.push(create(UploadJobRequestSchema, { part: { case: 'header', value } }));
  jobs.uploadJob(requests).catch(() => undefined);
  await storage.jobs.cancelJob({ jobId: running.jobId });
}

test('nothing is left of those that came and went', async () => {
  const clock = new SteppedClock();
  await using storage = await TestStorage.start({
    clock,
    config: { runtime: { job_cache_gc: { terminated_job_retention_sec: 1 } } },
  });
  const before = alive();
  const usage = storage.service.usage();
  for (let round = 0; round < ROUNDS; round++) {
    using transport = createTransport({ url: storage.server.url });
    await passBy(storage, transport);
  }
  // Their grace and their retention end.
  for (let second = 0; second < 120; second++) {
    clock.advance(1_000);
    const turn = Promise.withResolvers<void>();
    clock.defer(turn.resolve);
    await turn.promise;
  }
  await storage.jobs.listJobs({});
  expect(alive()).toEqual(before);
  expect(storage.service.usage()).toEqual(usage);
}, 120_000);
