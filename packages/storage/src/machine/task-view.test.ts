import { COMMIT_TASK_INDEX, JobState, LIMITS, TaskOutcome, TaskState } from '@spider/core';
import { systemClock } from '@spider/runtime/node';
import { describe, expect, test } from 'vitest';
import { flat, withTermination } from '../testing/graphs.ts';
import { testJob } from '../testing/jobs.ts';
import { AttemptCursor } from './attempt-cursor.ts';
import { TaskRecords } from './task-records.ts';
import { listTasks, summarizeKinds } from './task-view.ts';

/** One attempt that took so long, started at 1000 by execution manager 5. */
function attempt(taskIndex: number, elapsedUs: number): AttemptCursor {
  const cursor = new AttemptCursor({
    executionManager: 5,
    taskIndices: [taskIndex],
    instanceBase: 1,
    instanceOffsets: [0],
    outcomes: [TaskOutcome.Succeeded],
    payloadLengths: [0],
    payloads: new Uint8Array(0),
    startedBaseMs: 900,
    startedOffsetsMs: [100],
    elapsedUs: [elapsedUs],
  });
  cursor.next();
  return cursor;
}

describe('the records of tasks', () => {
  test('keep the last attempt of each task, and the times of successes by kind', () => {
    const graph = flat(3);
    const records = new TaskRecords(graph);
    expect(records.startedAt(0)).toBeUndefined();
    records.failed(0, attempt(0, 900), 'no');
    records.succeeded(0, attempt(0, 30));
    records.succeeded(2, attempt(2, 50));
    expect([records.startedAt(0), records.elapsedUs(0), records.executionManager(0)]).toEqual([
      1000, 30, 5,
    ]);
    expect(records.error(0)).toBe('no');
    expect(records.error(1)).toBeUndefined();
    const times = graph.kinds.map((_, kind) => records.successTimes(kind));
    expect(times.reduce((sum, { count }) => sum + count, 0)).toBe(2);
    expect(times.reduce((sum, { sumUs }) => sum + sumUs, 0)).toBe(80);
    expect(Math.max(...times.map(({ maxUs }) => maxUs))).toBe(50);
  });

  test('forget the errors of the tasks that failed longest ago', () => {
    const records = new TaskRecords(flat(1));
    for (let row = 0; row <= LIMITS.taskErrorsPerJob; row++) {
      records.failed(row === 7 ? 0 : row, attempt(0, 1), 'x'.repeat(2000));
    }
    records.failed(LIMITS.taskErrorsPerJob + 1, attempt(0, 1), 'last');
    expect(records.error(1)).toBeUndefined();
    expect(records.error(0), 'failed again later').toHaveLength(1024);
    expect(records.error(LIMITS.taskErrorsPerJob + 1)).toBe('last');
  });
});

test('the tasks of a function are counted together, whatever their policies', () => {
  const { machine } = testJob(1, flat(4));
  const { kinds, omitted, total } = machine.kinds();
  expect(omitted).toBe(0);
  expect(kinds).toMatchObject([{ packageName: 'test', functionName: 'take1', taskCount: 4 }]);
  expect(total[TaskState.Ready]).toBe(4);
});

test('a page begins where the one before says, and skips termination tasks that are not there', () => {
  const { machine } = testJob(1, flat(3));
  const first = machine.tasks([], 0, 2);
  expect(first.tasks.map(({ taskIndex }) => taskIndex)).toEqual([0, 1]);
  expect(first.nextRow).toBe(2);
  const second = machine.tasks([], 2, 2);
  expect(second.tasks.map(({ taskIndex }) => taskIndex)).toEqual([2]);
  expect(second.nextRow).toBeUndefined();
  expect(machine.tasks([], 1e20, 2).tasks).toEqual([]);
  const committing = testJob(2, withTermination(), JobState.CommitReady).machine;
  expect(committing.tasks([TaskState.Ready], 0, 9).tasks).toMatchObject([
    { taskIndex: COMMIT_TASK_INDEX, functionName: 'commit' },
  ]);
});

test('a million tasks are described, and searched, in a moment', () => {
  const graph = { ...flat(1), taskCount: 1_000_000, taskKind: new Uint32Array(1_000_000) };
  const columns = {
    graph,
    taskState: new Uint8Array(1_000_002).fill(TaskState.Succeeded),
    records: new TaskRecords(graph),
    failures: () => 0,
    runsOn: () => 0,
  };
  let fastestUs = Infinity;
  for (let run = 0; run < 5; run++) {
    const startUs = systemClock.monotonicUs();
    expect(summarizeKinds(columns).total[TaskState.Succeeded]).toBe(1_000_000);
    expect(listTasks(columns, [TaskState.Failed], 0, 100).tasks).toEqual([]);
    fastestUs = Math.min(fastestUs, systemClock.monotonicUs() - startUs);
  }
  // It takes about 5 ms; a busy machine must not fail a run.
  expect(fastestUs).toBeLessThan(100_000);
});
