import { encodeFrame, JobState } from '@spider/core';
import { expect, test } from 'vitest';
import { checkRun, type RunRecord } from './check-run.ts';
import type { Execution } from './execution-record.ts';
import { type ChaosJob, drawJob, expectedOutputs } from './workload.ts';

/** The first chain of a seed: task after task. */
function chain(): ChaosJob {
  for (let number = 0; ; number++) {
    const job = drawJob(1, number);
    if (job.shape === 'chain' && job.graph.commitTask === undefined) return job;
  }
}

const job = chain();
const BLOCK = 2 ** 32;

const execution = (task: number, changes: Partial<Execution> = {}): Execution => ({
  line: task + 1,
  jobId: '7',
  task,
  instance: BLOCK + task,
  managerPid: 100,
  executorPid: 200,
  startMs: task * 10,
  endMs: task * 10 + 9,
  succeeded: true,
  ...changes,
});

/** A run of one job, every task of which ran once, in order. */
const run = (changes: Partial<RunRecord> = {}): RunRecord => ({
  results: [
    {
      job,
      jobId: '7',
      state: JobState.Succeeded,
      wasCancelled: false,
      wrongOutputs: undefined,
      problem: undefined,
    },
  ],
  executions: Array.from({ length: job.graph.taskCount }, (_, task) => execution(task)),
  flushed: [],
  disturbances: [],
  ...changes,
});

const with3Again = (changes: Partial<Execution>): Execution[] => [
  ...run().executions,
  execution(3, { line: 9_999, startMs: 1e6, endMs: 1e6 + 1, ...changes }),
];

test('a run in which every task ran once, in order, is as promised', () => {
  expect(checkRun(run()).details).toEqual([]);
});

test('a task that a later storage ran again after the journal had it is found', () => {
  const succeeded = new Map([['7', new Set([3])]]);
  const executions = with3Again({ instance: 2 * BLOCK });
  const disturbances = [{ kind: 'em', pid: 100, atMs: 5e5, untilMs: Infinity }] as const;
  const flushed = [{ block: 1, succeeded }];
  expect(checkRun(run({ executions, flushed, disturbances }))).toMatchObject({
    flushedRerun: 1,
    heldRerun: 0,
  });
  const unflushed = [{ block: 1, succeeded: new Map() }];
  expect(checkRun(run({ executions, flushed: unflushed, disturbances })).flushedRerun).toBe(0);
});

test('a task that ran again though its manager had lived on is found', () => {
  const executions = with3Again({ instance: 2 * BLOCK });
  expect(checkRun(run({ executions })).heldRerun).toBe(1);
});

test('a task whose parent had to run again has to run again, too', () => {
  const disturbances = [{ kind: 'em', pid: 300, atMs: 5e5, untilMs: Infinity }] as const;
  const atAnother = run().executions.map((one) =>
    one.task === 2 ? { ...one, managerPid: 300 } : one,
  );
  const again = (task: number, startMs: number): Execution =>
    execution(task, { instance: 2 * BLOCK + task, startMs, endMs: startMs + 1 });
  const executions = [...atAnother, again(2, 1e6), again(3, 2e6)];
  expect(checkRun(run({ executions, disturbances })).heldRerun).toBe(0);
  const early = [...atAnother, again(2, 2e6), again(3, 1e6)];
  expect(checkRun(run({ executions: early, disturbances })).heldRerun).toBe(1);
});

test('a task that was handed out again after its child was is found', () => {
  const executions = with3Again({ instance: BLOCK + 5 });
  expect(checkRun(run({ executions })).acknowledgedRerun).toBe(1);
  // What was handed out before may start late, at a manager that had been stopped.
  const older = [...run().executions, execution(0, { instance: BLOCK - 1, startMs: 1e6 })];
  expect(checkRun(run({ executions: older })).acknowledgedRerun).toBe(0);
});

test('a succeeded job with a task that never ran, and a task before its parent, are found', () => {
  const executions = run().executions.filter(({ task }) => task !== 2);
  expect(checkRun(run({ executions })).lost).toBe(1);
  const early = run().executions.map((one) => (one.task === 5 ? { ...one, startMs: 12 } : one));
  expect(checkRun(run({ executions: early })).otherProblems).toBe(1);
});

test('the job of a number is the same each time, and its outputs can be computed', () => {
  expect(drawJob(5, 3)).toEqual(drawJob(5, 3));
  expect(encodeFrame(expectedOutputs(job)).length).toBeGreaterThan(8);
});
