import { assert, type ExecutionManagerId, type SchedulerId, type SessionId } from '@spider/core';
import { SeededRng, silentLogger } from '@spider/runtime';
import { ManualClock } from '@spider/runtime/testing';
import { describe, expect, test } from 'vitest';

import type { AssignmentBatch } from '../machine/dispatch-event.ts';
import { DispatchMachine } from '../machine/dispatch-machine.ts';
import { GENERAL_PROFILE } from '../machine/execution-manager-profile.ts';
import { POLICIES } from '../policy/policies.ts';
import { Dispatcher } from './dispatcher.ts';

/** A dispatcher whose execution managers write down what they get. */
class World {
  readonly clock = new ManualClock();
  readonly dispatcher: Dispatcher;
  /** `session/task` of each that was received, by execution manager. */
  readonly received = new Map<number, string[]>();
  readonly connections = new Map<number, number>();
  readonly lastBatch = new Map<number, number>();
  #credit = 0;

  constructor() {
    this.dispatcher = new Dispatcher({
      clock: this.clock,
      logger: silentLogger,
      machine: new DispatchMachine({ window: 4096, policy: POLICIES.fifo }),
      acknowledgementTimeoutMs: 1000,
    });
  }

  get all(): string[] {
    return [...this.received.values()].flat();
  }

  begin(session: number): void {
    this.#credit = 0;
    const upstream = {
      openPool: () => undefined,
      closePool: () => undefined,
      giveBack: () => undefined,
      close: () => undefined,
      grantCredit: (tasks: number) => void (this.#credit += tasks),
    };
    const sessionId = BigInt(session) as SessionId;
    this.dispatcher.upstreamOpened(upstream, sessionId, 1n as SchedulerId);
  }

  ready(...taskIndexes: number[]): void {
    assert(this.#credit >= taskIndexes.length, 'more tasks than credit');
    this.#credit -= taskIndexes.length;
    this.dispatcher.tasksReady([{ jobId: 1, resourceGroupId: 1, taskIndexes }], 1);
  }

  connect(id: number): void {
    const tasks = this.received.get(id) ?? [];
    this.received.set(id, tasks);
    const connection = this.dispatcher.connect(BigInt(id) as ExecutionManagerId, GENERAL_PROFILE, {
      send: (batch: AssignmentBatch) => {
        this.lastBatch.set(id, batch.number);
        for (const entry of batch.tasks) {
          for (const task of entry.taskIndexes) tasks.push(`${batch.sessionId}/${task}`);
        }
      },
      close: () => undefined,
    });
    this.connections.set(id, connection);
  }

  grant(id: number, credit: number): void {
    const pull = { credit, acknowledgedBatch: 0, draining: false };
    this.dispatcher.pulled(this.connections.get(id) ?? 0, pull);
  }

  turn(): void {
    this.clock.runDeferred();
  }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, at) => from + at);

describe('however many execution managers there are', () => {
  test('100 tasks reach 4 of them, each task one', () => {
    const world = new World();
    for (const id of range(1, 5)) world.connect(id);
    world.begin(1);
    for (const task of range(0, 100)) {
      world.ready(task);
      world.grant(1 + (task % 4), 1);
      if (task % 7 === 0) world.turn();
    }
    world.turn();
    expect(new Set(world.all).size).toBe(100);
    expect(world.all).toHaveLength(100);
    for (const tasks of world.received.values()) expect(tasks).toHaveLength(25);
  });

  test('10 tasks that come one by one reach 16 that wait, and none is lost', () => {
    const world = new World();
    for (const id of range(1, 17)) world.connect(id);
    world.begin(1);
    for (const id of range(1, 17)) world.grant(id, 1);
    for (const task of range(0, 10)) {
      world.ready(task);
      world.turn();
    }
    expect(world.all.toSorted()).toEqual(range(0, 10).map((task) => `1/${task}`));
    expect([...world.received.values()].filter(({ length }) => length > 1)).toEqual([]);
  });

  test.each([1, 4])(
    '20 sessions of up to 16 tasks, %d execution managers: a task is of the session it was ready in, and comes once',
    (executionManagers) => {
      const rng = new SeededRng(executionManagers);
      const world = new World();
      for (const id of range(1, executionManagers + 1)) world.connect(id);
      let last: number[] = [];
      for (const session of range(1, 21)) {
        world.begin(session);
        last = range(session * 100, session * 100 + (rng.uint32() % 17));
        if (last.length > 0) world.ready(...last);
        for (const id of range(1, executionManagers + 1)) world.grant(id, rng.uint32() % 8);
        if (rng.float() < 0.5) world.turn();
      }
      for (const id of range(1, executionManagers + 1)) world.grant(id, 16);
      world.turn();
      expect(new Set(world.all).size).toBe(world.all.length);
      for (const name of world.all) {
        const [session, task] = name.split('/').map(Number);
        expect(Math.floor((task ?? 0) / 100)).toBe(session);
      }
      expect(world.all).toEqual(expect.arrayContaining(last.map((task) => `20/${task}`)));
    },
  );
});

describe('an execution manager that is lost', () => {
  test('with 10 tasks leaves each of them to another, once', () => {
    const world = new World();
    world.connect(1);
    world.connect(2);
    world.begin(1);
    world.grant(1, 10);
    world.ready(...range(0, 10));
    world.turn();
    world.dispatcher.disconnect(world.connections.get(1) ?? 0);
    world.grant(2, 100);
    world.turn();
    expect(world.received.get(2)).toEqual(range(0, 10).map((task) => `1/${task}`));
  });

  test('in the middle of 100 assignments leaves what it had, and only that', () => {
    const world = new World();
    world.connect(1);
    world.connect(2);
    world.begin(1);
    for (const task of range(0, 100)) {
      world.grant(task < 60 ? 1 : 2, 1);
      world.ready(task);
      if (task === 50) world.dispatcher.disconnect(world.connections.get(1) ?? 0);
      world.turn();
    }
    world.grant(2, 100);
    world.turn();
    const [first = [], second = []] = [...world.received.values()];
    expect(new Set(second).size).toBe(100);
    expect(second).toHaveLength(100);
    expect(first.length).toBeGreaterThanOrEqual(50);
  });
});
