import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  decodeFrame,
  encodeFrame,
  JobState,
  LIMITS,
  type TaskSource,
} from '@spider/core';
import { describe, expect, test } from 'vitest';
import type { FailureRules } from './job-control-block.ts';
import { DEFAULT_JOB_LIMITS } from './job-limits.ts';
import { LeaseRefusal } from './job-effect.ts';
import { ReportVerdict } from './job-event.ts';
import { graphOf } from '../../test/machine/graph-of.ts';
import { JobDriver } from '../../test/machine/job-driver.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const listsOf = (frame: Uint8Array): number[][] => decodeFrame(frame).map((one) => [...one]);
const input = (number: number): TaskSource => ({ from: 'job-input', input: number });
const constant = (number: number): TaskSource => ({ from: 'constant', constant: number });
const output = (task: number, position: number): TaskSource => ({ from: 'task', task, position });

describe('the inputs of a task', () => {
  test('come from job inputs, constants and outputs, in order', () => {
    const long = new Uint8Array(70_000).fill(7);
    const graph = graphOf(
      [
        { from: [input(1), input(0)], outputs: 2 },
        { from: [output(0, 1), constant(0), input(1), output(0, 0), output(0, 1)] },
      ],
      { jobInputs: 2, constants: [long] },
    );
    const job = JobDriver.running(graph, { inputs: encodeFrame([bytes(1), bytes(2, 2)]) });
    const first = job.leaseOne(0);
    expect(listsOf(first.inputs)).toEqual([[2, 2], [1]]);

    job.report([{ ...first, outputs: [bytes(), bytes(3, 4, 5)] }]);
    const second = job.leaseOne(1);
    expect(listsOf(second.inputs)).toEqual([[3, 4, 5], [...long], [2, 2], [], [3, 4, 5]]);
  });

  test('are the same for each instance', () => {
    const job = JobDriver.running(graphOf([{}, { from: [0], policy: { maxRetries: 1 } }]));
    job.report([{ ...job.leaseOne(0), outputs: [bytes(9)] }]);
    const failed = job.leaseOne(1);
    job.fail(failed);
    expect(job.leaseOne(1).inputs).toEqual(failed.inputs);
    expect(listsOf(failed.inputs)).toEqual([[9]]);
  });

  test('are an empty frame if it has none', () => {
    const job = JobDriver.running(graphOf([{}]));
    expect([...job.leaseOne(0).inputs]).toEqual([0, 0, 0, 0]);
  });

  test('may be empty', () => {
    const job = JobDriver.running(graphOf([{ outputs: 2 }, { from: [output(0, 1)] }]));
    const { task, instance } = job.leaseOne(0);
    const reports = [{ task, instance, outputs: [bytes(1), bytes()] }];
    expect(job.report(reports)).toEqual([ReportVerdict.Accepted]);
    expect(listsOf(job.leaseOne(1).inputs)).toEqual([[]]);
  });

  test('of a whole batch lie in one buffer', () => {
    const graph = graphOf([{ from: [input(0)] }, { from: [input(1)] }, {}], { jobInputs: 2 });
    const inputs = encodeFrame([new Uint8Array(10_000).fill(1), bytes(2)]);
    const job = JobDriver.running(graph, { inputs });
    job.lease([0, 1, 2]);
    expect(job.effect('contexts')?.inputLengths).toEqual([10_008, 9, 4]);
    expect(job.effect('contexts')?.inputs.length).toBe(10_021);
  });
});

describe('the inputs of a batch', () => {
  const large = new Uint8Array(LIMITS.batchBytes / 2);

  test('fill a message at most, and the tasks behind them are left', () => {
    const graph = graphOf(
      Array.from({ length: 5 }, () => ({ from: [input(0)] })),
      { jobInputs: 1 },
    );
    const job = JobDriver.running(graph, { inputs: encodeFrame([large]) });
    expect(job.lease([0, 1, 2, 3, 4]).map(({ task }) => task)).toEqual([0, 1]);
    expect(job.effect('contexts')?.left).toBe(3);
    expect(job.lease([2, 3, 4]).map(({ task }) => task)).toEqual([2, 3]);
    expect(job.lease([4]).map(({ inputs }) => inputs.length)).toEqual([large.length + 8]);
    expect(job.effect('contexts')?.left).toBe(0);
  });

  test('may be those of a single task with more', () => {
    const graph = graphOf([{ from: [input(0), input(0), input(0)] }, {}], { jobInputs: 1 });
    const job = JobDriver.running(graph, { inputs: encodeFrame([large]) });
    expect(job.lease([0, 1]).map(({ inputs }) => inputs.length)).toEqual([3 * large.length + 16]);
  });

  test('leave out a task whose inputs exceed their limit, which never starts', () => {
    const half = new Uint8Array(LIMITS.taskPayloadBytes / 2);
    const graph = graphOf([{ from: [input(0), input(0)] }, { from: [input(1)] }], { jobInputs: 2 });
    const job = JobDriver.running(graph, { inputs: encodeFrame([half, bytes(1)]) });
    expect(job.lease([0, 1]).map(({ inputs }) => listsOf(inputs))).toEqual([[[1]]]);
    expect(job.effect('refused')).toMatchObject({
      taskIndices: [0],
      refusals: [LeaseRefusal.InputsTooLarge],
    });
    expect(job.machine.progress()).toMatchObject({ runningTasks: 1, readyTasks: 1 });
  });

  test('of a commit task are the outputs of its job, up to the same limit', () => {
    const half = new Uint8Array(LIMITS.taskPayloadBytes / 2);
    const job = JobDriver.running(graphOf([{}, {}], { commit: true }));
    job.report(job.lease([0, 1]).map((instance) => ({ ...instance, outputs: [half] })));
    job.persisted();
    expect(job.lease([COMMIT_TASK_INDEX])).toEqual([]);
    expect(job.effect('refused')?.refusals).toEqual([LeaseRefusal.InputsTooLarge]);
  });
});

describe('the inputs of the job', () => {
  test.each([
    ['too few', encodeFrame([]), 'the task graph takes 1 inputs, not 0'],
    ['too many', encodeFrame([bytes(1), bytes(2)]), 'the task graph takes 1 inputs, not 2'],
    ['no frame', bytes(1), 'a wire frame has at least 4 bytes'],
  ])('are refused if they are %s', (_what, inputs, message) => {
    const graph = graphOf([{ from: [input(0)] }], { jobInputs: 1 });
    expect(() => new JobDriver(graph, { inputs })).toThrow(message);
  });
});

describe('the outputs of the job', () => {
  test('fail it if they exceed their limit, as any other failure does', () => {
    const message =
      'the outputs of the job have 1024 bytes, more than the 1000 of runtime.limits.job_output_bytes';
    const tasks = 5;
    const graph = graphOf(
      Array.from({ length: tasks }, () => ({})),
      { cleanup: true },
    );
    const policy: FailureRules = { failurePolicy: 'continue', cleanupAfterFailure: true };
    const job = JobDriver.running(graph, {
      policy,
      limits: { ...DEFAULT_JOB_LIMITS, outputBytes: 1000 },
    });
    const output = new Uint8Array(200);
    for (let task = 0; task < tasks; task++) {
      job.report([{ ...job.leaseOne(task), outputs: [output] }]);
    }
    expect(job.effect('persist')).toMatchObject({
      to: JobState.CleanupReady,
      message,
    });
    job.persisted();
    job.succeed(job.leaseOne(CLEANUP_TASK_INDEX));
    expect(job.effect('persist')).toMatchObject({
      to: JobState.Failed,
      message,
    });
  });

  test('are gathered when the last task has succeeded', () => {
    const job = JobDriver.running(graphOf([{ outputs: 2 }, { from: [0] }, {}]));
    job.report([{ ...job.leaseOne(0), outputs: [bytes(1), bytes(2)] }]);
    job.report([{ ...job.leaseOne(2), outputs: [new Uint8Array(40).fill(4)] }]);
    job.report([{ ...job.leaseOne(1), outputs: [bytes(3, 3)] }]);
    const outputs = job.effect('persist')?.outputs ?? bytes();
    // Task 0 has a child, so that none of its outputs is one of the job's.
    expect(listsOf(outputs)).toEqual([[3, 3], Array.from({ length: 40 }, () => 4)]);
    job.persisted();
    expect(job.effect('published')?.outputs).toEqual(outputs);
  });

  test('are an empty frame if there are none', () => {
    const job = JobDriver.running(graphOf([{ outputs: 0 }]));
    job.report([{ ...job.leaseOne(0), outputs: [] }]);
    expect([...(job.effect('persist')?.outputs ?? bytes(1))]).toEqual([0, 0, 0, 0]);
  });
});

describe('outputs that are not what the task declares', () => {
  const cases: [string, Uint8Array, string][] = [
    ['too few', encodeFrame([]), 'task 0: the task returned 0 outputs, not 2'],
    ['too many', encodeFrame([bytes(), bytes(), bytes()]), 'task 0: the task returned 3 outputs'],
    ['no frame', bytes(1, 0), 'task 0: outputs of 2 bytes are not a wire frame'],
    ['nothing', bytes(), 'task 0: outputs of 0 bytes are not a wire frame'],
    ['cut before an output', bytes(2, 0, 0, 0, 0, 0), 'task 0: the frame ends before output 0'],
    [
      'cut inside an output',
      encodeFrame([bytes(1), bytes(2, 3)]).subarray(0, 14),
      'task 0: the frame ends inside output 1',
    ],
    [
      'of an impossible length',
      bytes(2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0),
      'task 0: the frame ends inside output 0',
    ],
    ['a bomb of a count', bytes(0xff, 0xff, 0xff, 0xff), 'returned 4294967295 outputs, not 2'],
  ];

  test.each(cases)('(%s) count as a failure', (_what, payload, message) => {
    const job = JobDriver.running(graphOf([{ outputs: 2, policy: { maxRetries: 1 } }]));
    const first = job.leaseOne(0);
    expect(job.report([{ ...first, payload }])).toEqual([ReportVerdict.Malformed]);
    expect(job.effect('journal')?.malformed.get(0)).toContain(message);
    expect(job.takeReady()).toEqual([0]);

    expect(job.report([{ ...job.leaseOne(0), payload }])).toEqual([ReportVerdict.Malformed]);
    expect(job.effect('persist')?.message).toContain(message);
  });

  test('of a task do not reach into the payload of the next one', () => {
    const job = JobDriver.running(graphOf([{}, {}]));
    const [first, second] = job.lease([0, 1]);
    const short = encodeFrame([bytes(1, 2, 3)]).subarray(0, 9);
    expect(job.report([{ ...first!, payload: short }, second!])).toEqual([
      ReportVerdict.Malformed,
      ReportVerdict.Stale,
    ]);
  });

  test('may have bytes behind the last one, which are ignored', () => {
    const job = JobDriver.running(graphOf([{}, { from: [0] }]));
    const payload = bytes(...encodeFrame([bytes(5)]), 1, 2, 3);
    expect(job.report([{ ...job.leaseOne(0), payload }])).toEqual([ReportVerdict.Accepted]);
    expect(listsOf(job.leaseOne(1).inputs)).toEqual([[5]]);
  });
});

describe('memory for outputs', () => {
  const large = new Uint8Array(LIMITS.blobRowBytes).fill(1);

  test('is given back as soon as all that take them have succeeded', () => {
    const chain = graphOf(Array.from({ length: 20 }, (_, i) => (i === 0 ? {} : { from: [i - 1] })));
    const job = JobDriver.running(chain);
    for (let task = 0; task < 20; task++) {
      job.report([{ ...job.leaseOne(task), outputs: [large] }]);
      expect(job.machine.payloadBytes).toBeLessThan(4 * large.length);
    }
  });

  test('is not taken for outputs that nobody takes', () => {
    const job = JobDriver.running(graphOf([{ outputs: 2 }, {}], { jobOutputs: [1] }));
    job.report([{ ...job.leaseOne(0), outputs: [large, large] }]);
    expect(job.machine.payloadBytes).toBe(0);
  });

  test('is given back when the job commits, for which its outputs have been gathered', () => {
    const job = JobDriver.running(graphOf([{}], { commit: true }));
    job.report([{ ...job.leaseOne(0), outputs: [large] }]);
    job.persisted();
    expect(job.machine.payloadBytes).toBe(0);
    expect(job.leaseOne(COMMIT_TASK_INDEX).inputs.length).toBe(1 + 4 + 4 + large.length);
  });

  test('is given back when the job has ended', () => {
    const job = JobDriver.running(graphOf([{}, {}]));
    job.report([{ ...job.leaseOne(0), outputs: [large] }]);
    expect(job.machine.payloadBytes).toBeGreaterThan(large.length);
    job.cancel();
    job.persisted();
    expect(job.machine.payloadBytes).toBe(0);
  });
});
