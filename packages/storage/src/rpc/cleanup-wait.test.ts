import { JobState } from '@spider/core';
import { expect, test } from 'vitest';
import { withTermination } from '../testing/graphs.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { TestStorage } from '../testing/test-storage.ts';

const GPU = { gpu: 'true' };
const NOWHERE = 'no execution manager has the labels gpu=true';

/** A job that is being cleaned up, and an execution manager that may not do it. */
async function waitingForCleanup(storage: TestStorage): Promise<bigint> {
  const scheduler = await ScriptedScheduler.connect(storage.transport);
  const jobId = await storage.submit(withTermination(), undefined, { requires: GPU });
  await storage.jobs.cancelJob({ jobId, reason: 'too dear' });
  scheduler.send({ openedPools: [{ pool: 1 }], pool: 1, credit: 5 });
  const status = async () => (await storage.jobs.getJob({ jobId })).status;
  await expect.poll(status).toMatchObject({
    state: JobState.CleanupReady,
    waitingReason: NOWHERE,
  });
  return jobId;
}

test('a job whose cleanup no execution manager may run says so, and fails when its time is over', async () => {
  const clock = new SteppedClock();
  const config = { runtime: { jobs: { cleanup_wait_sec: 60 } } };
  await using storage = await TestStorage.start({ clock, config });
  const jobId = await waitingForCleanup(storage);
  clock.advance(60_000);
  const status = async () => (await storage.jobs.getJob({ jobId })).status;
  await expect.poll(status).toMatchObject({
    state: JobState.Failed,
    errorMessage: `the cleanup task was given up: nobody has run it in 60 s: ${NOWHERE}`,
    endReason: 'too dear',
  });
});

test('a second cancel ends it, if it skips the cleanup', async () => {
  await using storage = await TestStorage.start();
  const jobId = await waitingForCleanup(storage);
  await expect(storage.jobs.cancelJob({ jobId })).rejects.toThrow('CLEANUP_READY');
  const { state } = await storage.jobs.cancelJob({ jobId, skipCleanup: true });
  expect(state).toBe(JobState.Cancelled);
});
