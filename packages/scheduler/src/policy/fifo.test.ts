import { describe, expect, test } from 'vitest';

import { JobPhase, type QueuedJob } from '../machine/scheduling-policy.ts';
import { FifoPolicy } from './fifo.ts';

const job = (jobId: number): QueuedJob => ({
  jobId,
  resourceGroupId: 1,
  phase: JobPhase.Regular,
  priority: 0,
  criticalPath: 1,
  requirement: '',
  waiting: 100,
});
const first = job(1);
const second = job(2);

describe('the FIFO policy', () => {
  test('gives turns in the order of arrival, each as long as there is room', () => {
    const policy = new FifoPolicy();
    policy.added(first, 3);
    policy.added(second, 2);
    policy.added(first, 1);

    expect(policy.next(2)).toEqual({ job: first, count: 2 });
    expect(policy.next(9)).toEqual({ job: first, count: 1 });
    expect(policy.next(9)).toEqual({ job: second, count: 2 });
    expect(policy.next(9)).toEqual({ job: first, count: 1 });
  });

  test('gives what came back the next turn', () => {
    const policy = new FifoPolicy();
    policy.added(first, 3);
    policy.returned(second, 1);

    expect(policy.next(9)).toEqual({ job: second, count: 1 });
  });

  test('forgets what was removed', () => {
    const policy = new FifoPolicy();
    policy.added(first, 3);
    policy.added(second, 1);
    policy.added(first, 3);
    policy.removed(first);

    expect(policy.next(9)).toEqual({ job: second, count: 1 });
    expect(() => policy.next(9)).toThrow('only while tasks wait');
  });
});
