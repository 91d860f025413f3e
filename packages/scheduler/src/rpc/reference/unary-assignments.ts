import {
  type ExecutionManagerId,
  LIMITS,
  type SchedulerId,
  type SessionId,
  type SpiderError,
  type TaskIndex,
} from '@spider/core';
import type { Clock, Deadline, DeadlineQueue } from '@spider/runtime';

import type { AssignmentSink, Dispatcher } from '../../dispatch/dispatcher.ts';
import type { AssignmentBatch, ConnectionNumber } from '../../machine/dispatch-event.ts';
import { GENERAL_PROFILE } from '../../machine/execution-manager-profile.ts';

/** One task for an execution manager that asks for one at a time. */
export interface UnaryAssignment {
  readonly id: number;
  readonly schedulerId: SchedulerId;
  readonly sessionId: SessionId;
  readonly jobId: number;
  readonly resourceGroupId: number;
  readonly taskIndex: TaskIndex;
}

interface Outstanding extends UnaryAssignment {
  readonly batch: number;
  answeredUs: number;
}

interface Waiter {
  readonly answer: (assignment: UnaryAssignment | undefined) => void;
  readonly fail: (error: SpiderError) => void;
}

export interface UnaryAssignmentsOptions {
  readonly executionManagerId: ExecutionManagerId;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly deadlines: DeadlineQueue;
  /** What was answered so long ago, and not acknowledged, has not arrived. */
  readonly acknowledgementTimeoutMs: number;
  /** Numbers the assignments of this process, from 0. */
  readonly nextId: () => number;
  /** The scheduler wants nothing to do with it any more. */
  readonly onClosed: () => void;
}

/**
 * An execution manager of the reference: it waits for one task a call, and says with a later call that
 * it has taken it over. While nobody waits it has no credit, so that nothing is kept for it.
 */
export class UnaryAssignments implements AssignmentSink {
  readonly #options: UnaryAssignmentsOptions;
  #connection: ConnectionNumber;
  readonly #waiters = new Set<Waiter>();
  /** Assigned, and no call has taken it away yet. */
  readonly #undelivered: Outstanding[] = [];
  /** Assigned and not acknowledged, the undelivered included, by id. */
  readonly #outstanding = new Map<number, Outstanding>();
  /** How many assignments of each batch are outstanding, the oldest batch first. */
  readonly #batches = new Map<number, number>();
  #credit = 0;
  #isReplacing = false;
  #closed: SpiderError | undefined;

  constructor(options: UnaryAssignmentsOptions) {
    this.#options = options;
    this.#connection = this.#connect();
  }

  /** Whether a call of it waits. */
  get isWaiting(): boolean {
    return this.#waiters.size > 0;
  }

  /** Resolves with a task, or with none when the wait is over. */
  next(waitMs: number, signal: AbortSignal): Promise<UnaryAssignment | undefined> {
    this.#giveUpLost();
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const { sessionId } = this.#options.dispatcher;
    for (let next = this.#undelivered.shift(); next; next = this.#undelivered.shift()) {
      if (next.sessionId === sessionId) return Promise.resolve(this.#answered(next));
      this.#settle(next);
    }
    return this.#wait(waitMs, signal);
  }

  /** It has taken a task over, or dropped it. Of one that is not known: no effect. */
  acknowledge(id: bigint, from: bigint): boolean {
    const known = this.#outstanding.get(Number(id));
    if (known === undefined || known.schedulerId !== from) return false;
    this.#settle(known);
    return true;
  }

  /** It is gone: what it has not acknowledged goes to another. */
  close(error: SpiderError): void {
    if (this.#closed !== undefined || this.#isReplacing) return;
    this.#closed = error;
    for (const { fail } of this.#waiters) fail(error);
    this.#options.onClosed();
  }

  /** As `close`, at its own word or for its silence. */
  leave(error: SpiderError): void {
    this.#options.dispatcher.disconnect(this.#connection);
    this.close(error);
  }

  send({ number, sessionId, tasks }: AssignmentBatch): void {
    const { dispatcher, nextId } = this.#options;
    const { schedulerId } = dispatcher;
    let count = 0;
    for (const { job, taskIndexes } of tasks) {
      const { jobId, resourceGroupId } = job;
      for (const taskIndex of taskIndexes) {
        const id = nextId();
        const batch = number;
        const assigned = { id, schedulerId, sessionId, jobId, resourceGroupId, taskIndex, batch };
        this.#deliver({ ...assigned, answeredUs: Infinity });
        count += 1;
      }
    }
    this.#batches.set(number, count);
    this.#credit -= count;
  }

  #connect(): ConnectionNumber {
    const { dispatcher, executionManagerId } = this.#options;
    // It acknowledges a task only after it has run it.
    return dispatcher.connect(executionManagerId, GENERAL_PROFILE, this, { isWatched: false });
  }

  #wait(waitMs: number, signal: AbortSignal): Promise<UnaryAssignment | undefined> {
    if (waitMs === 0 || signal.aborted) return Promise.resolve(undefined);
    if (this.#waiters.size >= LIMITS.slotsPerExecutionManager) this.#giveUpOldest();
    const { promise, resolve, reject } = Promise.withResolvers<UnaryAssignment | undefined>();
    const giveUp = (): void => waiter.answer(undefined);
    const deadline: Deadline = this.#options.deadlines.create(giveUp);
    const end = (): void => {
      this.#waiters.delete(waiter);
      deadline.clear();
      signal.removeEventListener('abort', giveUp);
    };
    const waiter: Waiter = {
      answer: (assignment) => {
        end();
        if (assignment === undefined) this.#balanceCredit();
        resolve(assignment);
      },
      fail: (error) => {
        end();
        reject(error);
      },
    };
    this.#waiters.add(waiter);
    deadline.set(Math.min(waitMs, LIMITS.pollWaitMs));
    signal.addEventListener('abort', giveUp);
    this.#balanceCredit();
    return promise;
  }

  /** As much credit as calls wait. */
  #balanceCredit(): void {
    const { dispatcher } = this.#options;
    const missing = this.#waiters.size - this.#credit;
    if (missing < 0) {
      this.#credit = 0;
      dispatcher.withdrawCredit(this.#connection);
      this.#balanceCredit();
    } else if (missing > 0) {
      this.#credit += missing;
      const pull = { credit: missing, acknowledgedBatch: 0, draining: false };
      dispatcher.pulled(this.#connection, pull);
    }
  }

  #deliver(assigned: Outstanding): void {
    this.#outstanding.set(assigned.id, assigned);
    for (const waiter of this.#waiters) {
      waiter.answer(this.#answered(assigned));
      return;
    }
    this.#undelivered.push(assigned);
  }

  #answered(assigned: Outstanding): UnaryAssignment {
    assigned.answeredUs = this.#options.clock.monotonicUs();
    return assigned;
  }

  #giveUpOldest(): void {
    for (const { answer } of this.#waiters) return answer(undefined);
  }

  #settle({ id, batch }: Outstanding): void {
    if (!this.#outstanding.delete(id)) return;
    this.#batches.set(batch, (this.#batches.get(batch) ?? 1) - 1);
    let acknowledged = 0;
    for (const [number, left] of this.#batches) {
      if (left > 0) break;
      acknowledged = number;
      this.#batches.delete(number);
    }
    if (acknowledged === 0) return;
    const pull = { credit: 0, acknowledgedBatch: acknowledged, draining: false };
    this.#options.dispatcher.pulled(this.#connection, pull);
  }

  /**
   * It asks for a task, and has not acknowledged one that was answered long ago: the answer was lost.
   * Then all that is outstanding goes to others, which does no harm where it runs after all.
   */
  #giveUpLost(): void {
    const { clock, acknowledgementTimeoutMs } = this.#options;
    const latestUs = clock.monotonicUs() - acknowledgementTimeoutMs * 1000;
    const isLost = [...this.#outstanding.values()].some(({ answeredUs }) => answeredUs < latestUs);
    if (!isLost) return;
    this.#outstanding.clear();
    this.#batches.clear();
    this.#undelivered.length = 0;
    this.#credit = 0;
    // The new one takes the place of the old one, and its pool stays.
    this.#isReplacing = true;
    this.#connection = this.#connect();
    this.#isReplacing = false;
    this.#balanceCredit();
  }
}
