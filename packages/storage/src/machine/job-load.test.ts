import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  encodeFrame,
  JobState,
  TaskOutcome,
  timestampMs,
  type TaskGraph,
} from '@spider/core';
import { layeredGraph } from '@spider/core/testing';
import { describe, expect, test } from 'vitest';
import { graphOf, type TestGraphOptions } from '../../test/machine/graph-of.ts';
import { reportEvent, type TestReport } from '../../test/machine/job-driver.ts';
import type { JobEffect } from './job-effect.ts';
import { ReportVerdict } from './job-event.ts';
import { JobMachine } from './job-machine.ts';

const EXECUTION_MANAGERS = 64;
const AT = timestampMs(1);

/** Many execution managers that work on one job, each with a batch at a time. */
class Crowd {
  readonly machine: JobMachine;
  readonly #payload: Uint8Array;
  /** Whether an instance of a task fails, by how many instances it had before. */
  readonly #fails: (task: number, earlier: number) => boolean;
  readonly successes = new Map<number, number>();
  readonly #leased = new Map<number, number>();
  #nextInstance = 1;

  constructor(
    graph: TaskGraph,
    inputs: Uint8Array,
    payload: Uint8Array,
    fails: (task: number, earlier: number) => boolean = () => false,
  ) {
    this.machine = new JobMachine({ name: 'job 7', graph, inputs });
    this.#payload = payload;
    this.#fails = fails;
    this.run(this.machine.handle({ type: 'start', request: 1, at: AT }));
  }

  /** Does what effects ask for at once. */
  run(effects: readonly JobEffect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'persist') continue;
      this.run(this.machine.handle({ type: 'persisted', to: effect.to }));
    }
  }

  /** Works until nothing is ready. `instances` of each task run at the same time. */
  work(instances = 1): void {
    while (this.machine.hasReady) {
      for (let em = 1; em <= EXECUTION_MANAGERS && this.machine.hasReady; em++) {
        const tasks: number[] = [];
        this.machine.takeReady(32, tasks);
        const batches = Array.from(
          { length: instances },
          (_, i) => [em + i, this.#lease(em + i, tasks)] as const,
        );
        for (const [owner, batch] of batches) this.#report(owner, batch);
      }
    }
  }

  cancel(): void {
    this.run(this.machine.handle({ type: 'cancel', request: 2, at: AT }));
  }

  #lease(executionManager: number, tasks: readonly number[]): TestReport[] {
    const effects = this.machine.handle({
      type: 'lease',
      executionManager,
      taskIndices: tasks,
      firstInstance: this.#nextInstance,
    });
    const contexts = effects.find((effect) => effect.type === 'contexts');
    return (contexts?.taskIndices ?? []).map((task) => {
      const earlier = this.#leased.get(task) ?? 0;
      this.#leased.set(task, earlier + 1);
      const outcome = this.#fails(task, earlier) ? TaskOutcome.Failed : TaskOutcome.Succeeded;
      const payload = outcome === TaskOutcome.Failed ? {} : { payload: this.#payload };
      return { task, instance: this.#nextInstance++, outcome, ...payload };
    });
  }

  #report(executionManager: number, reports: readonly TestReport[]): void {
    const verdicts = new Uint8Array(reports.length);
    this.run(this.machine.handle({ ...reportEvent(reports, executionManager), verdicts }));
    reports.forEach(({ task, outcome }, i) => {
      const counts = outcome === TaskOutcome.Succeeded && verdicts[i] === ReportVerdict.Accepted;
      if (counts) this.successes.set(task, (this.successes.get(task) ?? 0) + 1);
    });
  }
}

const kibibyte = encodeFrame([new Uint8Array(1024).fill(0xcc)]);

function flat(tasks: number, maxRetries: number, options: TestGraphOptions): TaskGraph {
  const policy = { maxRetries, maxInstances: 2 };
  return graphOf(
    Array.from({ length: tasks }, () => ({ policy })),
    options,
  );
}

describe('10,000 independent tasks of a kibibyte each', () => {
  const graph = flat(10_000, 3, { commit: true, cleanup: true });

  test('each succeed once, although two instances of every second one fail first', () => {
    const fails = (task: number, earlier: number): boolean =>
      task < 10_000 && task % 2 === 1 && earlier < 2;
    const crowd = new Crowd(graph, encodeFrame([]), kibibyte, fails);
    crowd.work(2);
    crowd.machine.validateState();
    expect(crowd.machine.state).toBe(JobState.Succeeded);
    expect(crowd.machine.progress()).toMatchObject({
      succeededTasks: 10_000,
      failedAttempts: 10_000,
    });
    expect(crowd.successes.size).toBe(10_001);
    expect([...crowd.successes.values()].every((count) => count === 1)).toBe(true);
    expect(crowd.successes.get(COMMIT_TASK_INDEX)).toBe(1);
    expect(crowd.machine.payloadBytes).toBe(0);
  });

  test('are cancelled right after the start: the cleanup task alone runs', () => {
    const crowd = new Crowd(graph, encodeFrame([]), kibibyte);
    crowd.cancel();
    crowd.work();
    expect(crowd.machine.state).toBe(JobState.Cancelled);
    expect([...crowd.successes]).toEqual([[CLEANUP_TASK_INDEX, 1]]);
  });
});

describe('10 layers of 1,000 tasks with 25 inputs of 128 bytes', () => {
  const graph = layeredGraph({ layers: 10, width: 1_000, inputsPerTask: 25 });
  const payload = new Uint8Array(128).fill(0xcb);
  const inputs = encodeFrame(graph.jobInputs.map(() => payload));

  test('each succeed once', () => {
    const crowd = new Crowd(graph, inputs, encodeFrame([payload]));
    crowd.work();
    crowd.machine.validateState();
    expect(crowd.machine.state).toBe(JobState.Succeeded);
    expect(crowd.successes.size).toBe(10_000);
    expect([...crowd.successes.values()].every((count) => count === 1)).toBe(true);
  });

  test('are cancelled right after the start: nothing runs', () => {
    const crowd = new Crowd(graph, inputs, encodeFrame([payload]));
    crowd.cancel();
    crowd.work();
    expect(crowd.machine.state).toBe(JobState.Cancelled);
    expect(crowd.successes.size).toBe(0);
  });
});

test('tasks that always fail fail their job, and none succeeds', () => {
  const crowd = new Crowd(flat(3, 3, {}), encodeFrame([]), kibibyte, () => true);
  crowd.work();
  expect(crowd.machine.state).toBe(JobState.Failed);
  expect(crowd.successes.size).toBe(0);
});
