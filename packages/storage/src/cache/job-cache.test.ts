import { JobState, toId } from '@spider/core';
import type { JobId } from '@spider/core';
import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { chain } from '../testing/graphs.ts';
import { testJob } from '../testing/jobs.ts';
import type { Job } from './job.ts';
import { JobCache } from './job-cache.ts';

const RETENTION_MS = 10_000;

function start(endedJobsMax?: number) {
  const clock = new ManualClock();
  const cache = new JobCache({ clock, retentionMs: RETENTION_MS, endedJobsMax });
  const add = (id: number): Job => {
    const job = testJob(id, chain(1));
    cache.add(job);
    return job;
  };
  const retire = (job: Job): void =>
    cache.retire(job, { ...job.status(), state: JobState.Succeeded });
  const state = (id: number): JobState | undefined => cache.status(toId<JobId>(id))?.state;
  return { clock, cache, add, retire, state };
}

test('a job is found as long as it has not ended, and no other is', () => {
  const { cache, add, retire, state } = start();
  const [one, two] = [add(1), add(2)];
  expect(cache.find(one.id)).toBe(one);
  expect(cache.find(toId<JobId>(3))).toBeUndefined();
  expect(state(1)).toBe(JobState.Running);
  expect(state(3)).toBeUndefined();
  expect([...cache.jobs()]).toEqual([one, two]);
  retire(one);
  expect(cache.find(one.id)).toBeUndefined();
  expect(state(1)).toBe(JobState.Succeeded);
  expect([...cache.jobs()]).toEqual([two]);
  expect(cache.size).toBe(1);
});

test('a job ends once', () => {
  const { cache, add, retire, state } = start();
  const job = add(1);
  retire(job);
  cache.retire(job, { ...job.status(), state: JobState.Failed });
  expect(state(1)).toBe(JobState.Succeeded);
});

test('the status of an ended job is kept for its time, and not for longer', () => {
  const { clock, add, retire, state } = start();
  const [first, second, third] = [add(1), add(2), add(3)];
  retire(first);
  retire(second);
  clock.advance(1000);
  retire(third);
  clock.advance(RETENTION_MS - 1001);
  expect([state(1), state(2), state(3)]).toEqual([5, 5, 5]);
  clock.advance(1);
  // Those whose time is over leave together.
  expect([state(1), state(2), state(3)]).toEqual([undefined, undefined, 5]);
  clock.advance(1000);
  expect(state(3)).toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
});

test('a job that was never started, or still runs, stays', () => {
  const { clock, cache } = start();
  const jobs = [testJob(1, chain(1), JobState.Ready), testJob(2, chain(1))];
  for (const job of jobs) cache.add(job);
  clock.advance(100 * RETENTION_MS);
  expect([...cache.jobs()]).toEqual(jobs);
});

test('of too many ended jobs those that ended first are forgotten', () => {
  const { clock, cache, add, retire, state } = start(2);
  for (const id of [1, 2, 3]) retire(add(id));
  expect([state(1), state(2), state(3)]).toEqual([undefined, 5, 5]);
  cache.forget(toId<JobId>(2));
  expect(state(2)).toBeUndefined();
  cache.close();
  expect(clock.pendingTimers).toBe(0);
});
