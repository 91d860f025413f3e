import { Code } from '@connectrpc/connect';
import { encodeFrame, JobState } from '@spider/core';
import { expect, test } from 'vitest';
import { chain, encoded, withTermination } from '../testing/graphs.ts';
import { collect } from '../testing/inbox.ts';
import { Restarts } from '../testing/restarts.ts';
import { TestStorage } from '../testing/test-storage.ts';

const INPUTS = encodeFrame([new Uint8Array([1])]);

test('the reason of a cancel is told to all who ask how the job ended', async () => {
  await using storage = await TestStorage.start();
  const jobId = await storage.submit(chain(2));
  const watched = collect(storage.jobs.watchJob({ jobId }));
  await storage.jobs.cancelJob({ jobId, reason: 'zu teuer' });
  const ended = { jobId, state: JobState.Cancelled, endReason: 'zu teuer', errorMessage: '' };
  expect((await watched).at(-1)?.status).toMatchObject(ended);
  expect((await storage.jobs.getJob({ jobId })).status).toMatchObject(ended);
  expect((await storage.jobs.describeJob({ jobId })).status).toMatchObject(ended);
  expect((await storage.jobs.listJobs({})).jobs).toMatchObject([ended]);
});

test('a job that is cancelled without a reason has none', async () => {
  await using storage = await TestStorage.start();
  const jobId = await storage.submit(chain(2));
  expect((await storage.jobs.getJob({ jobId })).status?.endReason).toBe('');
  await storage.jobs.cancelJob({ jobId });
  expect((await storage.jobs.getJob({ jobId })).status?.endReason).toBe('');
});

test('a reason that is too long is refused, and the job goes on', async () => {
  await using storage = await TestStorage.start();
  const jobId = await storage.submit(chain(2));
  await expect(storage.jobs.cancelJob({ jobId, reason: 'ü'.repeat(513) })).rejects.toEqual(
    expect.objectContaining({
      code: Code.InvalidArgument,
      message: expect.stringContaining('reason: 1026 bytes are more than 1024') as string,
    }),
  );
  expect((await storage.jobs.getJob({ jobId })).status?.state).toBe(JobState.Running);
  await storage.jobs.cancelJob({ jobId, reason: 'ü'.repeat(512) });
});

test('the reason survives a restart in the middle of the cleanup', async () => {
  await using restarts = await Restarts.create();
  const first = await restarts.start();
  const { jobId } = await first.jobs.submitJob({
    taskGraph: encoded(withTermination()),
    inputs: INPUTS,
    start: true,
  });
  await first.jobs.cancelJob({ jobId, reason: 'too slow' });
  const second = await restarts.start();
  const { status } = await second.jobs.getJob({ jobId });
  expect(status).toMatchObject({ state: JobState.CleanupReady, endReason: 'too slow' });
});
