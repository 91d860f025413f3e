import type { ExecutionManagerId, SessionId } from '@spider/core';
import { describe, expect, test } from 'vitest';

import { POLICIES } from '../policy/policies.ts';
import type { DispatchEffect, DispatchEvent } from './dispatch-event.ts';
import { DispatchMachine } from './dispatch-machine.ts';
import { type ExecutionManagerProfile, GENERAL_PROFILE } from './execution-manager-profile.ts';

const GPU: ExecutionManagerProfile = { labels: { gpu: 'true' }, resourceGroupIds: [] };

class Bench {
  readonly machine = new DispatchMachine({ window: 1000, policy: POLICIES.weighted_fair });

  constructor() {
    this.handle({ type: 'upstream-opened', sessionId: 1n as SessionId });
  }

  handle(event: DispatchEvent): readonly DispatchEffect[] {
    const effects = this.machine.handle(event);
    this.machine.validateState();
    return effects;
  }

  connect(connection: number, profile = GENERAL_PROFILE): readonly DispatchEffect[] {
    const executionManagerId = BigInt(connection) as ExecutionManagerId;
    return this.handle({ type: 'connected', connection, executionManagerId, profile });
  }

  grant(connection: number, credit: number): readonly DispatchEffect[] {
    return this.handle({ type: 'credit-granted', connection, credit });
  }

  ready(pool: number, taskIndexes: number[], jobId = 1): readonly DispatchEffect[] {
    const tasks = [{ jobId, resourceGroupId: 1, taskIndexes }];
    return this.handle({ type: 'tasks-ready', pool, tasks });
  }

  /** `connection` and tasks of each batch of a deal. */
  deal(): [number, readonly number[]][] {
    return this.handle({ type: 'deal' }).flatMap((effect): [number, readonly number[]][] =>
      effect.type === 'send-batch'
        ? effect.batch.tasks.map(({ taskIndexes }) => [effect.connection, taskIndexes])
        : [],
    );
  }
}

describe('execution managers that may run different tasks', () => {
  test('are in pools of their own, each with credit of its own', () => {
    const bench = new Bench();
    expect(bench.connect(1)).toMatchObject([
      { type: 'open-pool', pool: 1, profile: GENERAL_PROFILE },
      { type: 'grant-credit', pool: 1 },
    ]);
    expect(bench.connect(2, GPU)).toMatchObject([
      { type: 'open-pool', pool: 2, profile: GPU },
      { type: 'grant-credit', pool: 2 },
    ]);
    expect(bench.connect(3, { labels: { gpu: 'true' }, resourceGroupIds: [] })).toEqual([]);
    expect(bench.grant(2, 8)).toEqual([{ type: 'grant-credit', pool: 2, tasks: 15 }]);
  });

  test('get the tasks of their pool alone', () => {
    const bench = new Bench();
    bench.connect(1);
    bench.connect(2, GPU);
    bench.grant(1, 10);
    bench.grant(2, 10);
    bench.ready(2, [7]);
    bench.ready(1, [1]);
    expect(bench.deal()).toEqual([
      [1, [1]],
      [2, [7]],
    ]);
  });

  test('are announced anew to the next storage', () => {
    const bench = new Bench();
    bench.connect(1);
    bench.connect(2, GPU);
    const effects = bench.handle({ type: 'upstream-opened', sessionId: 2n as SessionId });
    expect(effects.map(({ type }) => type)).toEqual([
      'open-pool',
      'open-pool',
      'grant-credit',
      'grant-credit',
    ]);
  });
});

describe('when the last of a pool is gone', () => {
  test('what waits for it, and what it has not acknowledged, goes back', () => {
    const bench = new Bench();
    bench.connect(1, GPU);
    bench.grant(1, 2);
    bench.ready(1, [0, 1, 2, 3]);
    bench.deal();
    expect(bench.handle({ type: 'disconnected', connection: 1 })).toEqual([
      { type: 'close-pool', pool: 1 },
      {
        type: 'return-tasks',
        tasks: [{ jobId: 1, resourceGroupId: 1, taskIndexes: [0, 1, 2, 3] }],
      },
    ]);
    expect(bench.machine.waiting).toBe(0);
  });

  test('what arrives for it later goes back as well', () => {
    const bench = new Bench();
    bench.connect(1, GPU);
    bench.handle({ type: 'disconnected', connection: 1 });
    expect(bench.ready(1, [5])).toEqual([
      { type: 'return-tasks', tasks: [{ jobId: 1, resourceGroupId: 1, taskIndexes: [5] }] },
    ]);
  });

  test('one that comes back makes a new pool, and one that opens another stream keeps it', () => {
    const bench = new Bench();
    bench.connect(1, GPU);
    bench.handle({ type: 'disconnected', connection: 1 });
    expect(bench.connect(2, GPU)).toMatchObject([{ type: 'open-pool', pool: 2 }, {}]);
    const again = bench.handle({
      type: 'connected',
      connection: 3,
      executionManagerId: 2n as ExecutionManagerId,
      profile: GPU,
    });
    expect(again.map(({ type }) => type)).toEqual(['close-connection']);
  });
});

describe('the buffer of a policy that follows demand', () => {
  test('is twice what execution managers have on the way to them, and shrinks with that', () => {
    const bench = new Bench();
    bench.connect(1);
    const granted = (effects: readonly DispatchEffect[]): number =>
      effects.reduce((sum, effect) => sum + (effect.type === 'grant-credit' ? effect.tasks : 0), 0);
    expect(granted(bench.grant(1, 100))).toBe(199);
    bench.ready(
      1,
      Array.from({ length: 100 }, (_, at) => at),
    );
    expect(granted(bench.handle({ type: 'deal' }))).toBe(100);
  });

  test('goes back, for storage to choose anew, when tasks have become long all of a sudden', () => {
    const bench = new Bench();
    bench.connect(1);
    bench.grant(1, 400);
    bench.ready(
      1,
      Array.from({ length: 800 }, (_, at) => at),
    );
    bench.deal();
    bench.handle({ type: 'batches-acknowledged', connection: 1, batch: 2 });
    // From now on it asks for one task at a time.
    let renewed: readonly DispatchEffect[] = [];
    for (let batch = 3; batch < 100; batch++) {
      renewed = bench.grant(1, 1).filter(({ type }) => type !== 'grant-credit');
      if (renewed.length > 0) break;
      bench.deal();
      bench.handle({ type: 'batches-acknowledged', connection: 1, batch });
    }
    const [closed, returned, opened] = renewed;
    expect(closed).toEqual({ type: 'close-pool', pool: 1 });
    expect(
      returned?.type === 'return-tasks' && returned.tasks[0]?.taskIndexes.length,
    ).toBeGreaterThan(300);
    expect(opened).toEqual({ type: 'open-pool', pool: 2, profile: GENERAL_PROFILE });
    expect(bench.machine.waiting).toBe(0);
    bench.grant(1, 1);
    bench.ready(2, [900]);
    expect(bench.deal()).toEqual([[1, [900]]]);
  });

  test('never exceeds what is configured', () => {
    const bench = new Bench();
    bench.connect(1);
    expect(bench.grant(1, 10_000)).toEqual([{ type: 'grant-credit', pool: 1, tasks: 999 }]);
  });
});
