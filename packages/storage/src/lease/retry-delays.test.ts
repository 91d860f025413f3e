import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import type { Job } from '../cache/job.ts';
import { flat } from '../testing/graphs.ts';
import { testJob } from '../testing/jobs.ts';
import { RetryDelays } from './retry-delays.ts';

test('jobs hear of their tasks when the delays are over, by delay together, and not after their end', () => {
  const clock = new ManualClock();
  const due: [Job, readonly number[]][] = [];
  using delays = new RetryDelays({
    clock,
    onDue: (job, taskIndices) => void due.push([job, taskIndices]),
  });
  const [job, ended] = [testJob(1, flat(3)), testJob(2, flat(1))];
  delays.add(job, {
    type: 'retry-later',
    taskIndices: [0, 1, 2],
    delaysMs: [100, 500, 100],
  });
  delays.add(ended, { type: 'retry-later', taskIndices: [0], delaysMs: [100] });
  delays.forget(ended);
  clock.advance(99);
  expect(due).toEqual([]);
  clock.advance(50);
  expect(due).toEqual([[job, [0, 2]]]);
  clock.advance(1_000);
  expect(due).toEqual([
    [job, [0, 2]],
    [job, [1]],
  ]);
});
