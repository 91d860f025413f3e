import { JobState, LIMITS } from '@spider/core';
import type { ResourceGroupId, TimestampMs } from '@spider/core';
import { expect, test } from 'vitest';
import { openStore } from '../open-store.ts';

/** Takes each statement for one of some milliseconds. */
function slowClock() {
  let nowUs = 0;
  const clock = {
    turns: 0,
    monotonicUs: () => (nowUs += 3_000),
    defer: (callback: () => void): void => {
      clock.turns += 1;
      setImmediate(callback);
    },
  };
  return clock;
}

const submission = (bytes: number) => ({
  resourceGroupId: 0n as ResourceGroupId,
  idempotencyKey: undefined,
  state: JobState.Ready,
  taskCount: 1,
  graph: new Uint8Array(bytes),
  inputs: new Uint8Array(0),
  submittedAt: 1 as TimestampMs,
});

test('the event loop turns within a long transaction, which nobody else gets into', async () => {
  const clock = slowClock();
  await using store = await openStore(
    { engine: 'sqlite', path: ':memory:', clock },
    1 as TimestampMs,
  );
  clock.turns = 0;
  const order: string[] = [];
  const commit = store.jobs
    .commit({
      submissions: [submission(20 * LIMITS.blobRowBytes), submission(1)],
      journal: [],
      changes: [],
    })
    .then((result) => {
      order.push('written');
      return result;
    });
  const jobs = store.jobs.listOldestJobs(JobState.Ready, 10).then((found) => {
    order.push('read');
    return found;
  });
  setImmediate(() => order.push('turned'));
  const { submissions } = await commit;
  expect(submissions.map(({ kind }) => kind)).toEqual(['job', 'job']);
  expect(await jobs).toHaveLength(2);
  expect(order).toEqual(['turned', 'written', 'read']);
  expect(clock.turns).toBeGreaterThan(3);
});
