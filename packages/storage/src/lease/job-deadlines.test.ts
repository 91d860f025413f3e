import { DEFAULT_JOB_POLICY, JobState, timestampMs, toId } from '@spider/core';
import type { JobId, JobPolicy, ResourceGroupId } from '@spider/core';
import { encodeFrame } from '@spider/core';
import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { Job } from '../cache/job.ts';
import { deadlineOf, describeDeadline } from '../job-deadline.ts';
import { JobMachine } from '../machine/job-machine.ts';
import { withTermination } from '../testing/graphs.ts';
import { JobDeadlines } from './job-deadlines.ts';

const DAY_MS = 86_400_000;

function fixture() {
  const clock = new ManualClock();
  const met: JobId[] = [];
  const overdue: JobId[] = [];
  const deadlines = new JobDeadlines({
    clock,
    onDue: ({ id }) => met.push(id),
    cleanupWaitMs: DAY_MS,
    onCleanupOverdue: ({ id }) => overdue.push(id),
  });
  const job = (id: number, policy: Partial<JobPolicy>, isStarted = true): Job =>
    new Job({
      id: toId<JobId>(id),
      resourceGroupId: toId<ResourceGroupId>(1),
      machine: new JobMachine({
        name: `job ${id}`,
        graph: withTermination(),
        inputs: encodeFrame([new Uint8Array(1)]),
        state: isStarted ? JobState.Running : JobState.Ready,
      }),
      submittedAt: clock.now(),
      startedAt: isStarted ? clock.now() : undefined,
      policy: { ...DEFAULT_JOB_POLICY, ...policy },
    });
  return { clock, met, overdue, deadlines, job };
}

test('jobs meet their deadlines, on one timer', () => {
  const { clock, met, deadlines, job } = fixture();
  deadlines.watch(job(1, { deadlineMs: 500 }));
  deadlines.watch(job(2, { deadlineAt: timestampMs(clock.now() + 300) }));
  deadlines.watch(job(3, { deadlineMs: 200 * DAY_MS }));
  deadlines.watch(job(4, {}));
  expect(clock.pendingTimers).toBe(1);
  clock.advance(299);
  expect(met).toEqual([]);
  clock.advance(1);
  clock.advance(200);
  expect(met).toEqual([2n, 1n]);
  clock.advance(200 * DAY_MS);
  expect(met).toEqual([2n, 1n, 3n]);
  expect(clock.pendingTimers).toBe(0);
});

test('a job that is started has the time from its start, but no longer than to its fixed time', () => {
  const { clock, met, deadlines, job } = fixture();
  const policy = { deadlineMs: 100, deadlineAt: timestampMs(clock.now() + 1000) };
  const [soon, late] = [job(1, policy, false), job(2, policy, false)];
  deadlines.watch(soon);
  deadlines.watch(late);
  clock.advance(200);
  soon.startedAt = clock.now();
  deadlines.watch(soon);
  clock.advance(100);
  expect(met).toEqual([1n]);
  clock.advance(650);
  late.startedAt = clock.now();
  deadlines.watch(late);
  clock.advance(50);
  expect(met).toEqual([1n, 2n]);
});

test('a deadline that passed while nobody watched is met at once; one of a job that has ended never', () => {
  const { clock, met, deadlines, job } = fixture();
  const [old, ended] = [job(1, { deadlineMs: 100 }), job(2, { deadlineMs: 100 })];
  deadlines.watch(ended);
  clock.advance(50);
  deadlines.forget(ended);
  clock.advance(5000);
  deadlines.watch(old);
  expect(met).toEqual([]);
  clock.advance(0);
  expect(met).toEqual([1n]);
});

test('the deadline of a job that is being cleaned up counts no more, but its cleanup is asked for', () => {
  const { clock, met, overdue, deadlines, job } = fixture();
  const cancelled = job(1, { deadlineMs: 100 });
  deadlines.watch(cancelled);
  cancelled.machine.handle({ type: 'cancel', request: 1, at: clock.now() });
  cancelled.machine.handle({ type: 'persisted', to: JobState.CleanupReady });
  deadlines.watch(cancelled);
  clock.advance(DAY_MS - 1);
  expect([met, overdue]).toEqual([[], []]);
  clock.advance(1);
  clock.advance(DAY_MS);
  expect([met, overdue]).toEqual([[], [1n, 1n]]);
  deadlines.forget(cancelled);
  clock.advance(DAY_MS);
  expect(overdue).toHaveLength(2);
});

test('the earlier of two deadlines counts, and is the one that is told', () => {
  const policy = { ...DEFAULT_JOB_POLICY, deadlineMs: 1000, deadlineAt: timestampMs(5000) };
  expect(deadlineOf(policy, undefined)).toBe(5000);
  expect(deadlineOf(policy, timestampMs(3000))).toBe(4000);
  expect(deadlineOf(policy, timestampMs(4500))).toBe(5000);
  expect(deadlineOf({ ...policy, deadlineAt: undefined }, undefined)).toBeUndefined();
  expect(describeDeadline(policy, timestampMs(3000))).toBe(
    'deadline exceeded: the job had not ended 1000 ms after its start',
  );
  for (const startedAt of [undefined, timestampMs(4500)]) {
    expect(describeDeadline(policy, startedAt)).toBe(
      'deadline exceeded: the job had not ended at 1970-01-01T00:00:05.000Z',
    );
  }
});
