import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  type ExecutionManagerId,
  type SessionId,
} from '@spider/core';
import { SeededRng } from '@spider/runtime';
import { describe, expect, test } from 'vitest';

import type { DispatchEvent } from '../machine/dispatch-event.ts';
import { DispatchMachine } from '../machine/dispatch-machine.ts';
import { GENERAL_PROFILE } from '../machine/execution-manager-profile.ts';
import { POLICIES } from './policies.ts';

/** A machine that goes round, and one execution manager that takes what it is told to. */
class Rotation {
  readonly machine: DispatchMachine;
  readonly dispatched: string[] = [];
  /** `session` of each, beside `dispatched`. */
  readonly sessions: bigint[] = [];
  #connection = 1;
  #batch = 0;

  constructor(activeJobs: number) {
    this.machine = new DispatchMachine({ window: 4096, policy: POLICIES.round_robin, activeJobs });
    this.open(1n);
    this.#connect();
  }

  open(session: bigint): void {
    this.#handle({ type: 'upstream-opened', sessionId: session as SessionId });
  }

  ready(jobId: number, ...taskIndexes: number[]): void {
    const tasks = [{ jobId, resourceGroupId: 1, taskIndexes }];
    this.#handle({ type: 'tasks-ready', pool: 1, tasks });
  }

  /** Takes so many tasks, and keeps them on record. */
  take(count: number): string[] {
    const before = this.dispatched.length;
    this.#handle({ type: 'credit-granted', connection: this.#connection, credit: count });
    this.#handle({ type: 'deal' });
    return this.dispatched.slice(before);
  }

  /** Takes all there is. */
  takeAll(): string[] {
    return this.take(this.machine.waiting);
  }

  acknowledge(): void {
    const event = { connection: this.#connection, batch: this.#batch };
    this.#handle({ type: 'batches-acknowledged', ...event });
  }

  /** The execution manager is lost with all that it has not acknowledged, and another one comes. */
  lose(): void {
    const lost = this.#connection;
    this.#connection += 1;
    this.#batch = 0;
    this.#connect();
    this.#handle({ type: 'disconnected', connection: lost });
  }

  #connect(): void {
    this.#handle({
      type: 'connected',
      connection: this.#connection,
      executionManagerId: BigInt(this.#connection) as ExecutionManagerId,
      profile: GENERAL_PROFILE,
    });
  }

  #handle(event: DispatchEvent): void {
    for (const effect of this.machine.handle(event)) {
      if (effect.type !== 'send-batch') continue;
      const { batch } = effect;
      this.#batch = batch.number;
      for (const { job, taskIndexes } of batch.tasks) {
        for (const index of taskIndexes) {
          this.dispatched.push(nameOf(job.jobId, index));
          this.sessions.push(batch.sessionId);
        }
      }
    }
    this.machine.validateState();
  }
}

function nameOf(jobId: number, index: number): string {
  if (index === COMMIT_TASK_INDEX) return `commit ${jobId}`;
  return index === CLEANUP_TASK_INDEX ? `cleanup ${jobId}` : `${jobId}:${index}`;
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, at) => from + at);

describe('the rotation of the reference', () => {
  test('with one active job runs jobs one after the other, each task once', () => {
    const rotation = new Rotation(1);
    for (const job of [1, 2, 3]) {
      for (const task of range(0, 5)) rotation.ready(job, task);
      for (const task of range(0, 5)) if (task % 3 === 0) rotation.ready(job, task);
    }
    expect(rotation.takeAll()).toEqual(
      [1, 2, 3].flatMap((job) => range(0, 5).map((task) => `${job}:${task}`)),
    );
  });

  test('gives each active job one task a round, in the order in which jobs came', () => {
    const rotation = new Rotation(10);
    for (const job of range(1, 11)) rotation.ready(job, ...range(0, 5));
    expect(rotation.takeAll()).toEqual(
      range(0, 5).flatMap((task) => range(1, 11).map((job) => `${job}:${task}`)),
    );
  });

  test('lets no pending job in while the active ones have tasks, then all of them', () => {
    const rotation = new Rotation(10);
    for (const job of range(1, 21)) rotation.ready(job, ...range(0, 5));
    const first = rotation.take(50);
    expect(first).toEqual(
      range(0, 5).flatMap((task) => range(1, 11).map((job) => `${job}:${task}`)),
    );
    const second = rotation.takeAll();
    const counts = new Map<string, number>();
    for (const [at, name] of second.entries()) {
      const job = name.split(':')[0] ?? '';
      const round = counts.get(job) ?? 0;
      expect(name).toBe(`${job}:${round}`);
      // Nobody is a round ahead of another.
      expect(Math.abs(round - Math.floor(at / 10))).toBeLessThanOrEqual(1);
      counts.set(job, round + 1);
    }
    expect([...counts.keys()].map(Number).toSorted((a, b) => a - b)).toEqual(range(11, 21));
  });

  test('has a round of as many commit tasks as jobs may be active, one cleanup, one task each', () => {
    const rotation = new Rotation(4);
    for (const job of range(1, 5)) rotation.ready(job, 0, 1, 2);
    for (const job of range(100, 111)) rotation.ready(job, COMMIT_TASK_INDEX);
    rotation.ready(100, COMMIT_TASK_INDEX);
    for (const job of range(200, 203)) rotation.ready(job, CLEANUP_TASK_INDEX);
    const commits = range(100, 111).map((job) => `commit ${job}`);
    expect(rotation.takeAll()).toEqual([
      ...commits.slice(0, 4),
      'cleanup 200',
      ...range(1, 5).map((job) => `${job}:0`),
      ...commits.slice(4, 8),
      'cleanup 201',
      ...range(1, 5).map((job) => `${job}:1`),
      ...commits.slice(8),
      'cleanup 202',
      ...range(1, 5).map((job) => `${job}:2`),
    ]);
  });

  test.for([
    ['cleanup', CLEANUP_TASK_INDEX],
    ['commit', COMMIT_TASK_INDEX],
  ] as const)('drops an active and a pending job whose %s task is ready', ([name, index]) => {
    const rotation = new Rotation(1);
    rotation.ready(1, 0, 1);
    rotation.ready(2, 0, 1);
    rotation.ready(3, 0, 1);
    rotation.ready(1, index);
    rotation.ready(2, index);
    rotation.ready(1, 7);
    rotation.ready(2, 7);
    expect(rotation.takeAll().toSorted()).toEqual(['3:0', '3:1', `${name} 1`, `${name} 2`]);
  });

  test('starts anew with a new session', () => {
    const rotation = new Rotation(4);
    rotation.ready(1, 0, 1);
    rotation.ready(2, COMMIT_TASK_INDEX);
    rotation.take(1);
    rotation.open(2n);
    rotation.lose();
    rotation.ready(3, 0);
    expect(rotation.takeAll()).toEqual(['3:0']);
    expect(rotation.sessions.at(-1)).toBe(2n);
  });

  test('takes the task of a lost execution manager up again, in the session of now', () => {
    const rotation = new Rotation(4);
    rotation.ready(1, 0);
    expect(rotation.takeAll()).toEqual(['1:0']);
    rotation.lose();
    expect(rotation.takeAll()).toEqual(['1:0']);
    expect(rotation.sessions).toEqual([1n, 1n]);
  });

  test('dispatches a task once that comes back while a copy of it waits', () => {
    const rotation = new Rotation(4);
    rotation.ready(1, 0);
    rotation.takeAll();
    rotation.ready(1, 0);
    rotation.lose();
    expect(rotation.takeAll()).toEqual(['1:0']);
    expect(rotation.machine.waiting).toBe(0);
  });

  test('dispatches everything in the end, however often execution managers are lost', () => {
    const rng = new SeededRng('rotation');
    const rotation = new Rotation(3);
    for (const job of range(1, 5)) rotation.ready(job, ...range(0, 5));
    while (rotation.machine.waiting > 0) {
      rotation.take(1 + (rng.uint32() % 3));
      if (rng.float() < 0.5) rotation.lose();
      else rotation.acknowledge();
    }
    const all = range(1, 5).flatMap((job) => range(0, 5).map((task) => `${job}:${task}`));
    expect([...new Set(rotation.dispatched)].toSorted()).toEqual(all.toSorted());
  });
});
