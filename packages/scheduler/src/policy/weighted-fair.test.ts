import { EQUAL_SHARING } from '@spider/core';
import { describe, expect, test } from 'vitest';

import { JobPhase, type QueuedJob } from '../machine/scheduling-policy.ts';
import { WeightedFairPolicy } from './weighted-fair.ts';

interface TestJob extends QueuedJob {
  waiting: number;
}

let lastJob = 0;

const jobOf = (
  resourceGroupId: number,
  waiting: number,
  more: Partial<QueuedJob> = {},
): TestJob => ({
  jobId: (lastJob += 1),
  resourceGroupId,
  phase: JobPhase.Regular,
  priority: 0,
  criticalPath: 1,
  requirement: '',
  ...more,
  waiting,
});

/** Gives turns until so many tasks have gone, and answers how many of each job. */
function give(policy: WeightedFairPolicy<TestJob>, tasks: number): Map<TestJob, number> {
  const given = new Map<TestJob, number>();
  for (let left = tasks; left > 0;) {
    const { job, count } = policy.next(left);
    job.waiting -= count;
    left -= count;
    given.set(job, (given.get(job) ?? 0) + count);
  }
  return given;
}

describe('the weighted fair policy', () => {
  test('shares among groups by weight, and among the jobs of a group', () => {
    const policy = new WeightedFairPolicy<TestJob>({
      weights: new Map([[2, 3]]),
      jobOrder: 'fair',
    });
    const [light, heavy, beside] = [jobOf(1, 10_000), jobOf(2, 10_000), jobOf(2, 10_000)];
    for (const job of [light, heavy, beside]) policy.added(job);
    const given = give(policy, 6400);
    expect(given.get(light)).toBeCloseTo(1600, -2);
    expect(given.get(heavy)).toBeCloseTo(2400, -2);
    expect(given.get(beside)).toBeCloseTo(2400, -2);
  });

  test('serves a small job of another group soon, however much waits', () => {
    const policy = new WeightedFairPolicy<TestJob>(EQUAL_SHARING);
    policy.added(jobOf(1, 1_000_000));
    give(policy, 10_000);
    const small = jobOf(2, 100);
    policy.added(small);
    expect(give(policy, 232).get(small)).toBe(100);
  });

  test('lets what ends a job go first', () => {
    const policy = new WeightedFairPolicy<TestJob>(EQUAL_SHARING);
    policy.added(jobOf(1, 100));
    const commit = jobOf(1, 1, { phase: JobPhase.Commit });
    policy.added(commit);
    expect(policy.next(9)).toEqual({ job: commit, count: 1 });
  });

  test('forgets what is removed, and takes up again what comes back', () => {
    const policy = new WeightedFairPolicy<TestJob>(EQUAL_SHARING);
    const [gone, left] = [jobOf(1, 5), jobOf(1, 5)];
    policy.added(gone);
    policy.added(left);
    policy.removed(gone);
    expect(policy.next(9)).toEqual({ job: left, count: 5 });
    expect(() => policy.next(9)).toThrow('only while tasks wait');
    left.waiting = 2;
    policy.returned(left);
    expect(policy.next(1)).toEqual({ job: left, count: 1 });
  });
});
