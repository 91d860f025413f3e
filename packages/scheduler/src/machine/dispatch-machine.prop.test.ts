import {
  assert,
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  type ExecutionManagerId,
  InvariantError,
  LIMITS,
  type SessionId,
} from '@spider/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { POLICIES } from '../policy/policies.ts';
import type { AssignmentBatch, DispatchEvent } from './dispatch-event.ts';
import { DispatchMachine } from './dispatch-machine.ts';
import { GENERAL_PROFILE } from './execution-manager-profile.ts';
import { phaseOf } from './job-queue.ts';

interface ModelTask {
  readonly jobId: number;
  readonly taskIndex: number;
  /** Where it is: waits, sent by a connection in a batch, or out of the scheduler's care. */
  place: 'waiting' | 'gone' | { readonly connection: number; readonly batch: number };
}

interface ModelConnection {
  readonly executionManager: number;
  credit: number;
  lastBatch: number;
  draining: boolean;
}

const IDLE = 1_000_000;

const connected = (connection: number, executionManager: number) =>
  ({
    type: 'connected',
    connection,
    executionManagerId: BigInt(executionManager) as ExecutionManagerId,
    profile: GENERAL_PROFILE,
  }) as const;

/**
 * Says the same as the machine with none of its means: a list of tasks, each with its place, looked
 * through from end to end whenever anything happens.
 */
class Model {
  readonly machine: DispatchMachine;
  readonly window: number;
  tasks: ModelTask[] = [];
  /** The latest phase of each job of which a task is in the scheduler's care. */
  readonly phases = new Map<number, number>();
  readonly connections = new Map<number, ModelConnection>();
  session = 0;
  open = false;
  upstreamCredit = 0;
  #nextConnection = 1;
  #nextTask = 0;

  constructor(window: number) {
    this.window = window;
    this.machine = new DispatchMachine({ window, policy: POLICIES.fifo });
    // One that takes nothing, so that there is somebody tasks may wait for.
    this.machine.handle({ ...connected(IDLE, IDLE) });
  }

  get waiting(): ModelTask[] {
    return this.tasks.filter(({ place }) => place === 'waiting');
  }

  get credit(): number {
    return [...this.connections.values()].reduce((sum, { credit }) => sum + credit, 0);
  }

  /** Gives the event to the machine, and holds each of its effects against the model. */
  handle(event: DispatchEvent): Map<number, number> {
    const received = new Map<number, number>();
    for (const effect of this.machine.handle(event)) {
      switch (effect.type) {
        case 'send-batch': {
          const size = this.#sent(effect.connection, effect.batch);
          received.set(effect.connection, (received.get(effect.connection) ?? 0) + size);
          break;
        }
        case 'grant-credit':
          assert(this.open, 'credit for a closed upstream');
          this.upstreamCredit += effect.tasks;
          assert(this.upstreamCredit + this.waiting.length <= this.window, 'over the window');
          break;
        case 'open-pool':
          assert(effect.pool === 1, 'another pool than the general one');
          break;
        case 'close-connection':
        case 'close-upstream':
        case 'close-pool':
        case 'return-tasks':
          throw new InvariantError(`${effect.type} without a reason`);
        default:
          effect satisfies never;
      }
    }
    this.machine.validateState();
    assert(this.machine.waiting === this.waiting.length, 'a wrong count of waiting tasks');
    this.tasks = this.tasks.filter(({ place }) => place !== 'gone');
    const jobs = new Set(this.tasks.map(({ jobId }) => jobId));
    for (const jobId of this.phases.keys()) if (!jobs.has(jobId)) this.phases.delete(jobId);
    return received;
  }

  #sent(connection: number, batch: AssignmentBatch): number {
    const receiver = this.connections.get(connection);
    assert(receiver !== undefined, 'a batch for nobody');
    assert(!receiver.draining, 'a batch for one that drains');
    assert(batch.number === receiver.lastBatch + 1, `a gap before batch ${batch.number}`);
    assert(batch.sessionId === BigInt(this.session), `a batch of session ${batch.sessionId}`);
    receiver.lastBatch = batch.number;
    let size = 0;
    for (const { job, taskIndexes } of batch.tasks) {
      for (const taskIndex of taskIndexes) {
        const task = this.tasks.find(
          (task) =>
            task.jobId === job.jobId && task.taskIndex === taskIndex && task.place === 'waiting',
        );
        assert(task !== undefined, `${job.jobId}:${taskIndex} is not there to be assigned`);
        task.place = { connection, batch: batch.number };
        size += 1;
      }
    }
    assert(size <= LIMITS.tasksPerAssignmentBatch, `a batch of ${size} tasks`);
    receiver.credit -= size;
    assert(receiver.credit >= 0, 'more tasks than credit');
    return size;
  }

  openUpstream(sessions: number): void {
    this.#forgetAll();
    this.session += this.session === 0 ? 1 + sessions : sessions;
    this.open = true;
    this.handle({ type: 'upstream-opened', sessionId: BigInt(this.session) as SessionId });
  }

  closeUpstream(): void {
    this.#forgetAll();
    this.open = false;
    this.handle({ type: 'upstream-closed' });
  }

  #forgetAll(): void {
    for (const task of this.tasks) task.place = 'gone';
    this.upstreamCredit = 0;
  }

  ready(jobId: number, count: number): void {
    const tasks = Math.min(count, this.upstreamCredit);
    const taskIndexes = Array.from({ length: tasks }, () => this.#nextTask++);
    this.#arrive(jobId, taskIndexes);
  }

  readyTermination(jobId: number, taskIndex: number): void {
    const known = this.tasks.some((task) => task.jobId === jobId && task.taskIndex === taskIndex);
    if (!known && this.upstreamCredit > 0) this.#arrive(jobId, [taskIndex]);
  }

  #arrive(jobId: number, taskIndexes: number[]): void {
    this.upstreamCredit -= taskIndexes.length;
    for (const taskIndex of taskIndexes) {
      const phase = phaseOf(taskIndex);
      const ofJob = this.tasks.filter((task) => task.jobId === jobId && task.place !== 'gone');
      const reached = this.phases.get(jobId) ?? phase;
      for (const task of ofJob) {
        if (task.place === 'waiting' && phaseOf(task.taskIndex) < phase) task.place = 'gone';
      }
      this.phases.set(jobId, Math.max(reached, phase));
      this.tasks.push({ jobId, taskIndex, place: phase < reached ? 'gone' : 'waiting' });
    }
    const tasks = [{ jobId, resourceGroupId: 1, taskIndexes }];
    this.handle({ type: 'tasks-ready', pool: 1, tasks });
  }

  endJob(jobId: number): void {
    for (const task of this.tasks) if (task.jobId === jobId) task.place = 'gone';
    this.handle({ type: 'jobs-ended', jobIds: [jobId] });
  }

  connect(executionManager: number): void {
    const connection = this.#nextConnection++;
    const event = connected(connection, executionManager);
    this.connections.set(connection, {
      executionManager,
      credit: 0,
      lastBatch: 0,
      draining: false,
    });
    const earlier = [...this.connections].find(
      ([number, other]) => number !== connection && other.executionManager === executionManager,
    );
    if (earlier === undefined) {
      this.handle(event);
      return;
    }
    const [number] = earlier;
    this.#takeBack(number);
    this.connections.delete(number);
    const [effect] = this.machine.handle(event);
    assert(effect?.type === 'close-connection', 'the earlier stream goes on');
    assert(effect.connection === number, 'the wrong stream was closed');
    this.handle({ type: 'disconnected', connection: number });
  }

  #takeBack(connection: number): void {
    const returned = this.tasks.filter(
      ({ place }) => typeof place === 'object' && place.connection === connection,
    );
    for (const task of returned) {
      const reached = this.phases.get(task.jobId) ?? 0;
      task.place = phaseOf(task.taskIndex) < reached ? 'gone' : 'waiting';
    }
  }

  disconnect(connection: number): void {
    this.#takeBack(connection);
    this.connections.delete(connection);
    this.handle({ type: 'disconnected', connection });
  }

  drain(connection: number): void {
    const leaving = this.connections.get(connection);
    if (leaving === undefined) return;
    this.#takeBack(connection);
    leaving.credit = 0;
    leaving.draining = true;
    this.handle({ type: 'draining', connection });
  }

  grant(connection: number, credit: number): void {
    const receiver = this.connections.get(connection);
    if (receiver !== undefined && !receiver.draining) receiver.credit += credit;
    this.handle({ type: 'credit-granted', connection, credit });
  }

  acknowledge(connection: number, back: number): void {
    const batch = Math.max(0, (this.connections.get(connection)?.lastBatch ?? 0) - back);
    for (const task of this.tasks) {
      const { place } = task;
      if (typeof place !== 'object' || place.connection !== connection) continue;
      if (place.batch <= batch) task.place = 'gone';
    }
    this.handle({ type: 'batches-acknowledged', connection, batch });
  }

  deal(): void {
    const credits = new Map([...this.connections].map(([number, { credit }]) => [number, credit]));
    const credit = this.credit;
    const tasks = Math.min(credit, this.waiting.length);
    assert(this.machine.canDeal === tasks > 0, 'canDeal is wrong');

    const received = this.handle({ type: 'deal' });

    const dealt = [...received.values()].reduce((sum, size) => sum + size, 0);
    assert(dealt === tasks, `${dealt} tasks were dealt instead of ${tasks}`);
    for (const [connection, own] of credits) {
      const share = credit === 0 ? 0 : (tasks * own) / credit;
      const size = received.get(connection) ?? 0;
      assert(Math.abs(size - share) < 1, `${size} tasks for a share of ${share}`);
    }
  }
}

const HAPPENINGS: Record<string, (model: Model, job: number, amount: number, who: number) => void> =
  {
    ready: (model, job, amount) => model.ready(job, amount),
    deal: (model) => model.deal(),
    grant: (model, _job, amount, who) => model.grant(pick(model, who), amount),
    acknowledge: (model, _job, amount, who) => model.acknowledge(pick(model, who), amount % 3),
    connect: (model, _job, _amount, who) => model.connect(who),
    disconnect: (model, _job, _amount, who) => model.disconnect(pick(model, who)),
    drain: (model, _job, _amount, who) => model.drain(pick(model, who)),
    endJob: (model, job) => model.endJob(job),
    commit: (model, job) => model.readyTermination(job, COMMIT_TASK_INDEX),
    cleanup: (model, job) => model.readyTermination(job, CLEANUP_TASK_INDEX),
    closeUpstream: (model) => model.closeUpstream(),
    openUpstream: (model, _job, amount) => model.openUpstream(amount % 2),
  };

const pick = (model: Model, who: number): number => {
  const numbers = [...model.connections.keys()];
  return numbers[who % Math.max(1, numbers.length)] ?? 0;
};

const OFTEN = ['ready', 'deal', 'grant', 'acknowledge', 'connect'];

const happening = fc.record({
  what: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(...OFTEN) },
    { weight: 1, arbitrary: fc.constantFrom(...Object.keys(HAPPENINGS)) },
  ),
  job: fc.integer({ min: 1, max: 4 }),
  amount: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 300 })),
  who: fc.nat({ max: 5 }),
});

describe('whatever happens, in whatever order', () => {
  test('each ready task is assigned once, and again only after it was lost', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.array(happening, { maxLength: 100, size: 'max' }),
        (window, steps) => {
          const model = new Model(window);
          model.openUpstream(0);
          model.connect(0);
          for (const { what, job, amount, who } of steps) {
            HAPPENINGS[what]?.(model, job, amount, who);
          }

          for (const connection of model.connections.keys()) model.disconnect(connection);
          model.connect(99);
          const [last] = model.connections.keys();
          model.grant(last ?? 0, LIMITS.assignmentCredit);
          model.deal();
          expect(model.waiting).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
