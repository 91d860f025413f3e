import { JobState, timestampMs, toId } from '@spider/core';
import type { JobId, ResourceGroupId } from '@spider/core';
import { RecordingLogger } from '@spider/runtime/testing';
import { encodeFrame } from '@spider/core';
import { expect, test, vi } from 'vitest';
import { diamond, encoded } from '../testing/graphs.ts';
import { openMemoryStore } from '../testing/memory-store.ts';
import { TestStorage } from '../testing/test-storage.ts';

const LONG_AGO = timestampMs(1000);

test('storage deletes what ended long ago, and ends what was never started', async () => {
  const store = await openMemoryStore();
  const submission = (state: JobState) => ({
    resourceGroupId: 0n as ResourceGroupId,
    idempotencyKey: undefined,
    state,
    taskCount: 3,
    graph: encoded(diamond()),
    inputs: encodeFrame([new Uint8Array([1])]),
    submittedAt: LONG_AGO,
  });
  const [failed, waiting] = [toId<JobId>(1), toId<JobId>(2)];
  await store.jobs.commit({
    submissions: [submission(JobState.Running), submission(JobState.Ready)],
    journal: [{ jobId: failed, sequence: 1, records: new Uint8Array([1]) }],
    changes: [
      {
        jobId: failed,
        from: JobState.Running,
        to: JobState.Failed,
        at: LONG_AGO,
        succeededTasks: 0,
        failedTasks: 0,
        skippedTasks: 0,
        failedAttempts: 1,
        deleteJournal: false,
      },
    ],
  });
  const logger = new RecordingLogger();
  await using storage = await TestStorage.start({ store, logger });
  await vi.waitFor(() => {
    const ended = logger.lines.filter(({ message }) => message === 'jobs ended their retention');
    expect(ended.map(({ fields }) => fields)).toEqual([
      { state: 'FAILED', ended: 1 },
      { state: 'READY', ended: 1 },
    ]);
  });
  await expect(storage.jobs.getJob({ jobId: failed })).rejects.toThrow('job 1 does not exist');
  expect(await store.jobs.readJournal(failed, 0, 10)).toEqual([]);
  const { status } = await storage.jobs.getJob({ jobId: waiting });
  expect(status).toMatchObject({
    state: JobState.Cancelled,
    endReason: 'nobody had started it 604800 s after its submission',
  });
});
