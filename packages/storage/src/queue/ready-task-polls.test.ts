import { CLEANUP_TASK_INDEX, JobState, LIMITS } from '@spider/core';
import { ManualClock } from '@spider/runtime/testing';
import { describe, expect, test } from 'vitest';
import type { Job } from '../cache/job.ts';
import { flat, withTermination } from '../testing/graphs.ts';
import { testJob } from '../testing/jobs.ts';
import { InboundQueue } from './inbound-queue.ts';
import { Lane } from './lane.ts';
import { ReadyTaskPolls } from './ready-task-polls.ts';

const TIMEOUT_MS = 8000;

function start(capacity = 100) {
  const clock = new ManualClock();
  const queue = new InboundQueue();
  const presence: boolean[] = [];
  const polls = new ReadyTaskPolls({
    waitingMax: 3,
    clock,
    queue,
    capacity: { [Lane.Commit]: capacity, [Lane.Cleanup]: capacity, [Lane.Regular]: capacity },
    handOutTimeoutMs: TIMEOUT_MS,
    onHandOutsLost: (job, taskIndices) => {
      job.machine.handle({ type: 'hand-outs-lost', taskIndices });
      if (job.machine.hasReady) enqueue(job);
    },
    onPresence: (isPresent) => presence.push(isPresent),
  });
  const enqueue = (job: Job): void => {
    queue.add(job);
    polls.wake();
  };
  const poll = async (
    maxTasks: number,
    waitMs = 0,
    options: { lane?: Lane; signal?: AbortSignal } = {},
  ): Promise<number[]> => {
    const { lane = Lane.Regular, signal = new AbortController().signal } = options;
    const tasks = await polls.poll({ lane, maxTasks, waitMs, signal });
    return tasks.flatMap(({ taskIndexes }) => taskIndexes);
  };
  /** Answers 'waiting' as long as the poll does. */
  const stateOf = (polled: Promise<number[]>): Promise<number[] | 'waiting'> =>
    Promise.race([polled, clock.settle().then(() => 'waiting' as const)]);
  return { clock, queue, polls, presence, enqueue, poll, stateOf };
}

describe('a poll', () => {
  test('is answered at once with what there is', async () => {
    const { enqueue, poll } = start();
    enqueue(testJob(1, flat(5)));
    expect(await poll(2, 60_000)).toEqual([0, 1]);
    expect(await poll(0, 60_000)).toEqual([]);
    expect(await poll(9, 60_000)).toEqual([2, 3, 4]);
    expect(await poll(9, 0)).toEqual([]);
  });

  test('of one kind of tasks does not get another', async () => {
    const { enqueue, poll } = start();
    enqueue(testJob(1, withTermination(), JobState.CleanupReady));
    enqueue(testJob(2, flat(1)));
    expect(await poll(9, 0, { lane: Lane.Commit })).toEqual([]);
    expect(await poll(9, 0, { lane: Lane.Cleanup })).toEqual([CLEANUP_TASK_INDEX]);
    expect(await poll(9, 0)).toEqual([0]);
  });

  test('that waits is answered by the first task, in the order of polls', async () => {
    const { enqueue, poll, stateOf, queue } = start();
    const [first, second] = [poll(1, 1000), poll(9, 1000)];
    expect(await stateOf(first)).toBe('waiting');
    enqueue(testJob(1, flat(3)));
    // A later one does not push in.
    const third = poll(9, 1000);
    expect(await stateOf(first)).toEqual([0]);
    expect(await stateOf(second)).toEqual([1, 2]);
    expect(await stateOf(third)).toBe('waiting');
    expect(queue.isEmpty).toBe(true);
  });

  test('ends empty when its wait is over, which is bounded', async () => {
    const { clock, poll, stateOf } = start();
    const [short, long] = [poll(9, 10), poll(9, Number.MAX_SAFE_INTEGER)];
    clock.advance(9);
    expect(await stateOf(short)).toBe('waiting');
    clock.advance(1);
    expect(await stateOf(short)).toEqual([]);
    clock.advance(LIMITS.pollWaitMs - 11);
    expect(await stateOf(long)).toBe('waiting');
    clock.advance(1);
    expect(await stateOf(long)).toEqual([]);
  });

  test('that was given up takes nothing away', async () => {
    const { enqueue, poll, stateOf } = start();
    const stop = new AbortController();
    const polled = poll(9, 1000, { signal: stop.signal });
    stop.abort();
    expect(await stateOf(polled)).toEqual([]);
    enqueue(testJob(1, flat(1)));
    expect(await poll(9)).toEqual([0]);
  });

  test('gives its place to a newer one when too many wait', async () => {
    const { poll, stateOf } = start();
    const all = Array.from({ length: 4 }, () => poll(1, 1000));
    expect(await stateOf(all[0]!)).toEqual([]);
    expect(await stateOf(all[1]!)).toBe('waiting');
  });

  test('ends with the service', async () => {
    const { clock, poll, polls } = start();
    const polled = poll(1, 1000);
    polls.close();
    expect(await polled).toEqual([]);
    expect(await poll(1, 1000)).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('gets no more than one message may hold', async () => {
    const { enqueue, poll } = start(1_000_000);
    enqueue(testJob(1, flat(LIMITS.tasksPerPoll + 1)));
    expect(await poll(Number.MAX_SAFE_INTEGER)).toHaveLength(LIMITS.tasksPerPoll);
    expect(await poll(9)).toEqual([LIMITS.tasksPerPoll]);
  });
});

describe('what was handed out', () => {
  const lease = (job: Job, taskIndices: number[], firstInstance: number): void => {
    job.machine.handle({ type: 'lease', executionManager: 1, taskIndices, firstInstance });
  };

  test('comes back when nobody has leased it in time', async () => {
    const { clock, enqueue, poll, stateOf } = start();
    const job = testJob(1, flat(4));
    enqueue(job);
    expect(await poll(2)).toEqual([0, 1]);
    clock.advance(TIMEOUT_MS / 2);
    expect(await poll(9)).toEqual([2, 3]);
    lease(job, [1], 100);
    const polled = poll(9, 60_000);
    clock.advance(TIMEOUT_MS / 2 + TIMEOUT_MS / 8 - 1);
    expect(await stateOf(polled)).toBe('waiting');
    clock.advance(1);
    expect(await stateOf(polled)).toEqual([0]);
    clock.advance(TIMEOUT_MS / 2);
    expect(await poll(9)).toEqual([2, 3]);
  });

  test('is bounded for each kind of tasks until it is leased', async () => {
    const { enqueue, polls, poll, stateOf } = start(3);
    const job = testJob(1, flat(5));
    enqueue(job);
    enqueue(testJob(2, withTermination(), JobState.CleanupReady));
    expect(await poll(9)).toEqual([0, 1, 2]);
    expect(await poll(9, 0, { lane: Lane.Cleanup })).toEqual([CLEANUP_TASK_INDEX]);
    const polled = poll(9, 1000);
    expect(await stateOf(polled)).toBe('waiting');
    lease(job, [0, 2], 100);
    polls.wake();
    expect(await stateOf(polled)).toEqual([3, 4]);
  });

  test('goes to the next scheduler at once', async () => {
    const { enqueue, polls, poll } = start();
    const job = testJob(1, flat(3));
    enqueue(job);
    await poll(9);
    lease(job, [1], 100);
    expect(await poll(9)).toEqual([]);
    polls.schedulerRegistered();
    expect(await poll(9)).toEqual([0, 2]);
  });

  test('of a job that has ended stays away', async () => {
    const { clock, enqueue, polls, poll } = start(2);
    const [ended, running] = [testJob(1, flat(2)), testJob(2, flat(2))];
    enqueue(ended);
    await poll(9);
    polls.jobEnded(ended);
    enqueue(running);
    expect(await poll(9)).toEqual([0, 1]);
    lease(running, [0, 1], 100);
    clock.advance(2 * TIMEOUT_MS);
    expect(await poll(9)).toEqual([]);
    expect(ended.place?.isQueued).toBe(false);
  });
});

test('whoever polls is there until no poll has come for a while', async () => {
  const { clock, presence, poll } = start();
  expect(presence).toEqual([]);
  await poll(1);
  void poll(1, 30_000);
  clock.advance(30_000);
  expect(presence).toEqual([true]);
  clock.advance(9_999);
  expect(presence).toEqual([true]);
  clock.advance(1);
  expect(presence).toEqual([true, false]);
  await poll(1);
  expect(presence).toEqual([true, false, true]);
});
