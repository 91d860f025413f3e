import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  type ExecutionManagerId,
  LIMITS,
  type SessionId,
} from '@spider/core';
import { describe, expect, test } from 'vitest';

import { POLICIES } from '../policy/policies.ts';
import type { DispatchEffect, DispatchEvent } from './dispatch-event.ts';
import { DispatchMachine } from './dispatch-machine.ts';
import { GENERAL_PROFILE } from './execution-manager-profile.ts';

const IDLE = 1_000_000;

/** A machine with its upstream open, whose state is checked after each event. */
class Bench {
  readonly machine: DispatchMachine;
  granted = 0;

  constructor(window = 1000, executionManagersMax = 1000) {
    this.machine = new DispatchMachine({ window, policy: POLICIES.fifo, executionManagersMax });
    this.open(1);
    // One that takes nothing, so that there is somebody tasks may wait for.
    this.connect(IDLE, 0);
  }

  open(session: number): readonly DispatchEffect[] {
    return this.handle({ type: 'upstream-opened', sessionId: BigInt(session) as SessionId });
  }

  handle(event: DispatchEvent): readonly DispatchEffect[] {
    const effects = this.machine.handle(event);
    this.machine.validateState();
    for (const effect of effects) if (effect.type === 'grant-credit') this.granted += effect.tasks;
    return effects;
  }

  ready(jobId: number, taskIndexes: ArrayLike<number>): readonly DispatchEffect[] {
    return this.handle({
      type: 'tasks-ready',
      pool: 1,
      tasks: [{ jobId, resourceGroupId: 7, taskIndexes }],
    });
  }

  connect(connection: number, credit: number, executionManagerId = connection): void {
    const id = BigInt(executionManagerId) as ExecutionManagerId;
    this.handle({
      type: 'connected',
      connection,
      executionManagerId: id,
      profile: GENERAL_PROFILE,
    });
    this.handle({ type: 'credit-granted', connection, credit });
  }

  /** What a deal hands to each connection: `job:index` of each task, in order. */
  deal(): Record<number, string[]> {
    const dealt: Record<number, string[]> = {};
    for (const effect of this.handle({ type: 'deal' })) {
      if (effect.type !== 'send-batch') continue;
      const tasks = (dealt[effect.connection] ??= []);
      for (const { job, taskIndexes } of effect.batch.tasks) {
        for (const index of taskIndexes) tasks.push(`${job.jobId}:${index}`);
      }
    }
    return dealt;
  }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, at) => from + at);

test('what it holds is where its tasks are', () => {
  const bench = new Bench(100);
  bench.ready(5, range(0, 6));
  bench.connect(1, 4);
  expect(bench.machine.usage()).toEqual({
    pools: 1,
    waiting: 6,
    upstreamCredit: 94,
    unacknowledged: 0,
    credit: 4,
  });
  bench.deal();
  expect(bench.machine.usage()).toMatchObject({ waiting: 2, unacknowledged: 4, credit: 0 });
});

describe('a task that is ready', () => {
  test('goes to an execution manager with credit, in a numbered batch of the session', () => {
    const bench = new Bench();
    bench.ready(5, [3, 1]);
    bench.connect(1, 10);

    const effects = bench.handle({ type: 'deal' });

    expect(effects).toMatchObject([
      {
        type: 'send-batch',
        connection: 1,
        batch: {
          number: 1,
          sessionId: 1n,
          tasks: [{ job: { jobId: 5, resourceGroupId: 7 }, taskIndexes: [3, 1] }],
        },
      },
    ]);
  });

  test('waits while nobody has credit, and goes when somebody has', () => {
    const bench = new Bench();
    bench.ready(1, [0, 1, 2]);
    bench.connect(1, 0);
    expect(bench.machine.canDeal).toBe(false);
    expect(bench.deal()).toEqual({});

    bench.handle({ type: 'credit-granted', connection: 1, credit: 2 });

    expect(bench.machine.canDeal).toBe(true);
    expect(bench.deal()).toEqual({ 1: ['1:0', '1:1'] });
    expect(bench.deal()).toEqual({});
    expect(bench.machine.waiting).toBe(1);
  });

  test('goes in the order of arrival over all jobs', () => {
    const bench = new Bench();
    bench.ready(1, [0, 1]);
    bench.ready(2, [0]);
    bench.ready(1, [2]);
    bench.connect(1, 10);

    expect(bench.deal()).toEqual({ 1: ['1:0', '1:1', '2:0', '1:2'] });
  });

  test('shares a batch with at most 255 others', () => {
    const bench = new Bench();
    bench.ready(1, range(0, 600));
    bench.connect(1, 1000);

    const batches = bench.handle({ type: 'deal' }).filter(({ type }) => type === 'send-batch');

    expect(batches).toMatchObject([
      { batch: { number: 1, size: 256 } },
      { batch: { number: 2, size: 256 } },
      { batch: { number: 3, size: 88 } },
    ]);
  });
});

describe('when tasks are fewer than credit', () => {
  test('they are shared in proportion to credit', () => {
    const bench = new Bench();
    bench.connect(1, 300);
    bench.connect(2, 100);
    bench.ready(1, range(0, 40));

    const dealt = bench.deal();

    expect(dealt[1]).toHaveLength(30);
    expect(dealt[2]).toHaveLength(10);
  });

  test('two equal execution managers take turns at single tasks', () => {
    const bench = new Bench();
    bench.connect(1, 100);
    bench.connect(2, 100);
    const receivers: string[] = [];
    for (const index of range(0, 6)) {
      bench.ready(1, [index]);
      receivers.push(...Object.keys(bench.deal()));
    }

    expect(receivers).toEqual(['1', '2', '1', '2', '1', '2']);
  });

  test('one that is nearly full is spared', () => {
    const bench = new Bench();
    bench.connect(1, 1);
    bench.connect(2, 64);
    bench.ready(1, [0]);

    expect(bench.deal()).toEqual({ 2: ['1:0'] });
  });
});

describe('credit upstream', () => {
  test('is the whole window at first, and comes back in large steps as tasks leave', () => {
    const bench = new Bench(100);
    expect(bench.granted).toBe(100);
    bench.ready(1, range(0, 100));
    bench.connect(1, 24);
    bench.deal();
    expect(bench.granted).toBe(100);

    bench.handle({ type: 'credit-granted', connection: 1, credit: 1 });
    bench.deal();

    expect(bench.granted).toBe(125);
  });

  test('is granted by a machine with the smallest window too', () => {
    const bench = new Bench(1);
    bench.connect(1, 10);
    bench.ready(1, [0]);
    bench.deal();
    bench.ready(1, [1]);

    expect(bench.deal()).toEqual({ 1: ['1:1'] });
  });

  test('that is overdrawn closes the upstream, and nothing of it is dispatched', () => {
    const bench = new Bench(10);
    bench.connect(1, 100);

    const effects = bench.ready(1, range(0, 11));

    expect(effects).toMatchObject([
      { type: 'close-upstream', error: { code: 'invalid-argument' } },
    ]);
    expect(bench.deal()).toEqual({});
    expect(bench.ready(1, [0])).toEqual([]);
  });
});

describe('an execution manager that is lost', () => {
  test('before it acknowledged leaves its tasks to another, in their old order', () => {
    const bench = new Bench();
    bench.connect(1, 300);
    bench.ready(1, range(0, 299));
    bench.ready(2, [0]);
    bench.deal();
    bench.ready(1, [500]);
    bench.handle({ type: 'disconnected', connection: 1 });
    bench.connect(2, 1000);

    const tasks = [...range(0, 299).map((index) => `1:${index}`), '2:0', '1:500'];
    expect(bench.deal()).toEqual({ 2: tasks });
  });

  test('after it acknowledged leaves nothing', () => {
    const bench = new Bench();
    bench.connect(1, 512);
    bench.ready(1, range(0, 512));
    bench.deal();
    bench.handle({ type: 'batches-acknowledged', connection: 1, batch: 1 });
    bench.handle({ type: 'disconnected', connection: 1 });
    bench.connect(2, 1000);

    expect(bench.deal()).toEqual({ 2: range(256, 512).map((index) => `1:${index}`) });
  });

  test('by opening another stream gets back what it had not acknowledged', () => {
    const bench = new Bench();
    bench.connect(1, 10, 4);
    bench.ready(1, [0, 1]);
    bench.deal();
    const effects = bench.handle({
      type: 'connected',
      connection: 2,
      executionManagerId: 4n as ExecutionManagerId,
      profile: GENERAL_PROFILE,
    });
    expect(effects).toMatchObject([
      { type: 'close-connection', connection: 1, error: { code: 'cancelled' } },
    ]);
    bench.handle({ type: 'disconnected', connection: 1 });
    bench.handle({ type: 'credit-granted', connection: 2, credit: 10 });

    expect(bench.deal()).toEqual({ 2: ['1:0', '1:1'] });
  });

  test('by its own word gets nothing more, and what it still acknowledges changes nothing', () => {
    const bench = new Bench();
    bench.connect(1, 10);
    bench.ready(1, [0, 1]);
    bench.deal();
    bench.handle({ type: 'draining', connection: 1 });
    bench.handle({ type: 'batches-acknowledged', connection: 1, batch: 1 });
    bench.handle({ type: 'credit-granted', connection: 1, credit: 10 });
    expect(bench.deal()).toEqual({});
    bench.connect(2, 10);

    expect(bench.deal()).toEqual({ 2: ['1:0', '1:1'] });
  });

  test('by silence about a batch leaves its tasks to another', () => {
    const bench = new Bench();
    bench.connect(1, 2);
    bench.ready(1, [0, 1]);
    bench.deal();

    const effects = bench.handle({ type: 'acknowledgement-overdue', connection: 1, batch: 1 });

    expect(effects).toMatchObject([{ type: 'close-connection', error: { code: 'unavailable' } }]);
    bench.connect(2, 10);
    expect(bench.deal()).toEqual({ 2: ['1:0', '1:1'] });
  });

  test('is not lost for silence about what nobody wants back', () => {
    const bench = new Bench();
    bench.connect(1, 2);
    bench.ready(1, [0, 1]);
    bench.deal();
    bench.handle({ type: 'upstream-closed' });

    expect(bench.handle({ type: 'acknowledgement-overdue', connection: 1, batch: 1 })).toEqual([]);
  });
});

describe('an execution manager that breaks the rules is disconnected', () => {
  test('for acknowledging what was not sent', () => {
    const bench = new Bench();
    bench.connect(1, 10);

    const effects = bench.handle({ type: 'batches-acknowledged', connection: 1, batch: 1 });

    expect(effects).toMatchObject([
      {
        type: 'close-connection',
        connection: 1,
        error: { message: 'acknowledged_batch: 1 was not sent, 0 was the last' },
      },
    ]);
    expect(bench.machine.executionManagers).toBe(1);
  });

  test('for granting more credit than anybody can use', () => {
    const bench = new Bench();
    bench.connect(1, LIMITS.assignmentCredit - 1);
    bench.ready(1, range(0, 1000));
    bench.deal();

    expect(bench.handle({ type: 'credit-granted', connection: 1, credit: 1 })).toEqual([]);
    expect(bench.handle({ type: 'credit-granted', connection: 1, credit: 1 })).toMatchObject([
      { type: 'close-connection', error: { code: 'invalid-argument' } },
    ]);
  });
});

test('one execution manager more than a scheduler serves is turned away, unless it replaces itself', () => {
  const most = 20;
  const { machine } = new Bench(1000, most);
  const connect = (connection: number, executionManager: number): readonly DispatchEffect[] => {
    const executionManagerId = BigInt(executionManager) as ExecutionManagerId;
    return machine.handle({
      type: 'connected',
      connection,
      executionManagerId,
      profile: GENERAL_PROFILE,
    });
  };
  for (const number of range(1, most)) connect(number, number);

  expect(connect(most + 1, most + 1)).toMatchObject([
    { type: 'close-connection', connection: most + 1, error: { code: 'resource-exhausted' } },
  ]);
  expect(connect(most + 2, 1)).toMatchObject([{ type: 'close-connection', connection: 1 }]);
  expect(machine.executionManagers).toBe(most);
});

describe('nothing is dispatched', () => {
  test('of a job that has ended, whether it waits or comes back', () => {
    const bench = new Bench();
    bench.connect(1, 2);
    bench.ready(1, [0, 1, 2]);
    bench.ready(2, [9]);
    bench.deal();
    bench.handle({ type: 'jobs-ended', jobIds: [1, 404] });
    bench.handle({ type: 'disconnected', connection: 1 });
    bench.connect(2, 10);

    expect(bench.deal()).toEqual({ 2: ['2:9'] });
  });

  test('of an older session, nor of a stream that has closed', () => {
    const bench = new Bench();
    bench.connect(1, 1);
    bench.ready(1, [0, 1]);
    bench.deal();
    bench.handle({ type: 'upstream-closed' });
    bench.open(2);
    bench.handle({ type: 'disconnected', connection: 1 });
    bench.connect(2, 10);
    bench.ready(1, [5]);

    const effects = bench.handle({ type: 'deal' });

    expect(effects).toMatchObject([
      { batch: { number: 1, sessionId: 2n, tasks: [{ taskIndexes: [5] }] } },
    ]);
  });

  test('by a storage that another has superseded', () => {
    const bench = new Bench();
    bench.open(3);

    const effects = bench.open(2);

    expect(effects).toMatchObject([
      { type: 'close-upstream', error: { message: 'session 2 of storage is over: 3 was seen' } },
    ]);
    expect(bench.ready(1, [0])).toEqual([]);
  });

  test('of an earlier phase once the commit task is ready, nor of the commit task after a cancel', () => {
    const bench = new Bench();
    bench.connect(1, 1);
    bench.ready(1, [0, 1]);
    bench.deal();
    bench.ready(1, [COMMIT_TASK_INDEX]);
    bench.ready(1, [2]);
    bench.handle({ type: 'disconnected', connection: 1 });
    expect(bench.machine.waiting).toBe(1);
    bench.ready(1, [CLEANUP_TASK_INDEX]);
    bench.connect(2, 10);

    expect(bench.deal()).toEqual({ 2: [`1:${CLEANUP_TASK_INDEX}`] });
  });
});
