import { decodeFrame, JobState, type TaskGraph } from '@spider/core';
import { describe, expect, test } from 'vitest';
import { graphOf, type TestTask } from '../../test/machine/graph-of.ts';
import { JobDriver, reportEvent, type TestReport } from '../../test/machine/job-driver.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const ALL = Number.MAX_SAFE_INTEGER;

const outputOf = (task: number, size = 3 * KIB): Uint8Array => new Uint8Array(size).fill(task + 1);

/** A job whose journal has a row for each report, all of them durable at once. */
class JournaledJob {
  readonly driver: JobDriver;
  /** What each row has. */
  readonly rows: TestReport[][] = [];

  constructor(graph: TaskGraph) {
    this.driver = JobDriver.running(graph);
  }

  get payloadBytes(): number {
    return this.driver.machine.payloadBytes;
  }

  /** Runs a task. */
  run(task: number, size?: number): void {
    const { instance } = this.driver.leaseOne(task);
    this.report([{ task, instance, outputs: [outputOf(task, size)] }]);
  }

  report(reports: TestReport[]): void {
    this.driver.report(reports);
    this.rows.push(reports);
    const { effects } = this.driver;
    const { length } = this.rows;
    this.driver.handle({ type: 'journaled', effects: length, row: length });
    this.driver.effects = effects;
  }

  /** All that can leaves memory. */
  spill(): void {
    // What is being filled is closed by one and goes with the next, if it is small for one byte alone.
    for (const each of [ALL, ALL, 1, 1]) this.driver.handle({ type: 'spill', bytes: each });
  }

  /** Answers the recall that is under way, up to its end. */
  recall(): void {
    const { recall, ranges } = this.driver.effect('recall') ?? { recall: 0, ranges: [] };
    for (const { after, last } of ranges) {
      for (const reports of this.rows.slice(after, last)) {
        this.driver.handle({ ...reportEvent(reports, 1), type: 'recalled', recall });
      }
    }
    this.driver.handle({ type: 'recall-ended', recall, at: reportEvent([], 1).at });
  }
}

/** So many tasks, and one that takes the outputs of all of them, in their order. */
const fanIn = (count: number): TaskGraph =>
  graphOf([...Array.from({ length: count }, () => ({})), { from: allOf(count) }]);

const allOf = (count: number): number[] => Array.from({ length: count }, (_, task) => task);

function fanInDone(count: number, size?: number): JournaledJob {
  const job = new JournaledJob(fanIn(count));
  for (const task of allOf(count)) job.run(task, size);
  return job;
}

describe('outputs', () => {
  test('are forgotten when all who read them have succeeded', () => {
    const job = new JournaledJob(graphOf([{}, { from: [0], outputs: 0 }, { from: [0] }, {}]));
    job.run(0, 100 * KIB);
    job.run(3, 10);
    job.report([{ ...job.driver.leaseOne(1), outputs: [] }]);
    expect(job.payloadBytes).toBeGreaterThan(100 * KIB);
    job.run(2, 10);
    expect(job.payloadBytes).toBeLessThan(100 * KIB);
  });

  test('leave memory once they are durable, and not before', () => {
    const job = new JournaledJob(fanIn(4));
    job.driver.report(
      job.driver.lease(allOf(4)).map((one) => ({ ...one, outputs: [outputOf(1)] })),
    );
    job.spill();
    expect(job.payloadBytes).toBeGreaterThan(0);
    job.driver.handle({ type: 'journaled', effects: 1, row: 1 });
    job.spill();
    expect(job.payloadBytes).toBe(0);
  });

  test('leave memory oldest first, and no more of them than is asked for', () => {
    const job = fanInDone(8);
    const before = job.payloadBytes;
    job.driver.handle({ type: 'spill', bytes: 1 });
    expect(before - job.payloadBytes).toBe(4 * KIB);
    job.driver.lease([8]);
    expect(job.driver.effect('recall')?.ranges).toEqual([{ after: 0, last: 2 }]);
  });
});

describe('a lease whose inputs are in the journal alone', () => {
  test('is postponed until they are read back', () => {
    const job = fanInDone(3);
    job.spill();
    expect(job.driver.lease([3])).toEqual([]);
    expect(job.driver.effectTypes).toEqual(['postponed', 'recall']);
    expect(job.driver.effect('postponed')).toMatchObject({ executionManager: 1, taskIndices: [3] });
    job.recall();
    expect(decodeFrame(job.driver.leaseOne(3).inputs)).toEqual([0, 1, 2].map((t) => outputOf(t)));
  });

  test('does not hold up those that can be granted', () => {
    const job = new JournaledJob(graphOf([{}, { from: [0] }, {}]));
    job.run(0);
    job.spill();
    const granted = job.driver.lease([1, 2]);
    expect(granted.map(({ task }) => task)).toEqual([2]);
    expect(job.driver.effectTypes).toEqual(['contexts', 'postponed', 'recall']);
  });

  test('waits for the recall that is under way before another one begins', () => {
    const job = new JournaledJob(graphOf([{}, {}, { from: [0] }, { from: [1] }]));
    job.run(0);
    job.run(1);
    job.spill();
    job.driver.lease([2]);
    const first = job.driver.effects;
    job.driver.lease([3], 2);
    expect(job.driver.effectTypes).toEqual(['postponed']);
    job.driver.effects = first;
    job.recall();
    expect(job.driver.lease([2]).length).toBe(1);
  });

  test('has to wait again if they left memory again before it came', () => {
    const job = fanInDone(2);
    job.spill();
    job.driver.lease([2]);
    job.recall();
    job.spill();
    expect(job.driver.lease([2])).toEqual([]);
    job.recall();
    expect(job.driver.lease([2]).length).toBe(1);
  });

  test('keeps what it needs in memory while the rest is read', () => {
    const job = fanInDone(8);
    job.driver.handle({ type: 'spill', bytes: 1 });
    const before = job.payloadBytes;
    job.driver.lease([8]);
    const { effects } = job.driver;
    job.spill();
    expect(job.payloadBytes).toBe(before);
    job.driver.effects = effects;
    job.recall();
    expect(decodeFrame(job.driver.leaseOne(8).inputs)).toEqual(allOf(8).map((t) => outputOf(t)));
  });

  test('is refused when its job is not running any more', () => {
    const job = fanInDone(2);
    job.spill();
    job.driver.lease([2]);
    const { recall = 0 } = job.driver.effect('recall') ?? {};
    const { effects } = job.driver;
    job.driver.cancel();
    job.driver.persisted();
    expect(job.driver.machine.isRecalling(recall)).toBe(false);
    job.driver.effects = effects;
    job.recall();
    expect(job.driver.effects).toEqual([]);
    job.driver.lease([2]);
    expect(job.driver.effectTypes).toEqual(['refused']);
  });

  test('fails its job if the journal does not have them', () => {
    const job = fanInDone(2);
    job.spill();
    job.driver.lease([2]);
    const { effects } = job.driver;
    job.rows[1] = [{ task: 1, instance: 2, outputs: [outputOf(1, 5)] }];
    job.driver.effects = effects;
    job.recall();
    expect(job.driver.effect('persist')).toMatchObject({
      to: JobState.Failed,
      message: 'its journal lacks the outputs of task 1',
    });
  });
});

test('what lies beside many small outputs is not read back with them', () => {
  const pairs: TestTask[] = Array.from({ length: 60 }, () => ({}));
  const small = allOf(30).map((pair) => 2 * pair);
  const large = small.map((task) => task + 1);
  const job = new JournaledJob(graphOf([...pairs, { from: small }, { from: large }]));
  for (const task of small) {
    job.run(task, 10);
    job.run(task + 1, MIB - 100);
  }
  job.spill();
  job.driver.lease([60]);
  job.recall();
  expect(job.payloadBytes).toBeLessThan(KIB);
  expect(decodeFrame(job.driver.leaseOne(60).inputs)).toEqual(small.map((t) => outputOf(t, 10)));
});

describe('the outputs of the job', () => {
  test('are gathered from memory and journal, in parts, and released as they are', () => {
    const sizes = [17 * MIB, 10, 9 * MIB, 9 * MIB];
    const job = new JournaledJob(graphOf(sizes.map(() => ({}))));
    [0, 1, 2].forEach((task) => job.run(task, sizes[task]));
    job.spill();
    job.run(3, sizes[3]);
    expect(job.driver.effectTypes).toEqual(['journal', 'recall']);
    expect(job.driver.machine.pendingState).toBeUndefined();
    job.recall();
    expect(job.driver.effectTypes).toEqual(['recall']);
    expect(job.payloadBytes).toBeLessThan(MIB);
    job.recall();
    const { to, outputs = new Uint8Array(4) } = job.driver.effect('persist') ?? {};
    expect(to).toBe(JobState.Succeeded);
    decodeFrame(outputs).forEach((output, task) => {
      expect(Buffer.compare(output, outputOf(task, sizes[task]))).toBe(0);
    });
  });

  test('are not waited for by a job that is cancelled', () => {
    const job = new JournaledJob(graphOf([{}, {}]));
    job.run(0);
    job.spill();
    job.run(1);
    expect(job.driver.effectTypes).toEqual(['journal', 'recall']);
    const { effects } = job.driver;
    job.driver.cancel();
    job.driver.persisted();
    job.driver.effects = effects;
    job.recall();
    expect(job.driver.effects).toEqual([]);
    expect(job.driver.state).toBe(JobState.Cancelled);
  });
});
