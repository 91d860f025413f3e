import {
  assert,
  EQUAL_SHARING,
  failedPrecondition,
  invalidArgument,
  LIMITS,
  type SessionId,
  SpiderError,
} from '@spider/core';

import { Assignee, type SentBatch } from './assignee.ts';
import type {
  ConnectionNumber,
  DispatchEffect,
  DispatchEvent,
  JobProfile,
  PoolNumber,
  ReadyTasks,
  ReturnedTasks,
} from './dispatch-event.ts';
import { DispatchState } from './dispatch-state.ts';
import { type ExecutionManagerProfile, profileKey } from './execution-manager-profile.ts';
import type { JobQueue } from './job-queue.ts';
import type { SchedulerUsage } from './scheduler-usage.ts';
import type { SchedulingPolicyDefinition, SchedulingPolicyOptions } from './scheduling-policy.ts';
import { TaskPool } from './task-pool.ts';
import { validateState } from './validate-state.ts';

export interface DispatchMachineOptions extends Partial<SchedulingPolicyOptions> {
  /** How many ready tasks may be buffered for a pool: 1…LIMITS.bufferedReadyTasks. */
  readonly window: number;
  readonly policy: SchedulingPolicyDefinition;
  /** How many may be connected; `LIMITS.executionManagersPerScheduler` by default. */
  readonly executionManagersMax?: number;
}

const ACTIVE_JOBS = 1024;

/**
 * Decides which ready task goes to which execution manager.
 *
 * Execution managers that may run the same tasks make a pool. Ready tasks come from upstream for a
 * pool, never more than the credit that was granted for it, and wait in the queue of their job.
 * Execution managers grant credit in turn. At each 'deal' as many tasks as there are, or as there is
 * credit for, leave in batches: the policy says which tasks, and the credits say to whom. A batch stays
 * on record until it is acknowledged; if its execution manager is lost before that, its tasks wait
 * again, before all others of their job, or go back if nobody of the pool is left.
 *
 * A task leaves the machine's care when it is acknowledged, when its job ends or enters a later
 * phase, or when the upstream closes: then storage hands it out again, if it is still to run.
 */
export class DispatchMachine {
  readonly #options: DispatchMachineOptions;
  readonly #state = new DispatchState();
  #effects: DispatchEffect[] = [];

  constructor(options: DispatchMachineOptions) {
    const { window } = options;
    assert(
      window >= 1 && window <= LIMITS.bufferedReadyTasks,
      `window: ${window} is not in 1…${LIMITS.bufferedReadyTasks}`,
    );
    this.#options = options;
  }

  /** Whether a deal would hand out anything. */
  get canDeal(): boolean {
    for (const { waiting, credit } of this.#state.pools.values()) {
      if (waiting > 0 && credit > 0) return true;
    }
    return false;
  }

  /** How many ready tasks wait to be assigned. */
  get waiting(): number {
    return this.#sum(({ waiting }) => waiting);
  }

  /** How many more tasks execution managers take. */
  get credit(): number {
    return this.#sum(({ credit }) => credit);
  }

  /** How many execution managers are connected. */
  get executionManagers(): number {
    return this.#state.byConnection.size;
  }

  usage(): SchedulerUsage {
    const unacknowledged = (pool: TaskPool): number =>
      pool.assignees.reduce((sum, { unacknowledgedTasks }) => sum + unacknowledgedTasks, 0);
    return {
      pools: this.#state.pools.size,
      waiting: this.waiting,
      upstreamCredit: this.#sum(({ upstreamCredit }) => upstreamCredit),
      unacknowledged: this.#sum(unacknowledged),
      credit: this.credit,
    };
  }

  /** @throws InvariantError if the state breaks one of its numbered invariants. */
  validateState(): void {
    validateState(this.#state);
  }

  handle(event: DispatchEvent): readonly DispatchEffect[] {
    this.#effects = [];
    switch (event.type) {
      case 'upstream-opened':
        this.#upstreamOpened(event.sessionId);
        break;
      case 'upstream-closed':
        this.#upstreamClosed();
        break;
      case 'tasks-ready':
        this.#tasksReady(event.pool, event.tasks);
        break;
      case 'jobs-ended':
        for (const jobId of event.jobIds) this.#jobEnded(jobId);
        break;
      case 'connected':
        this.#connected(event.connection, event.executionManagerId, event.profile);
        break;
      case 'disconnected':
        this.#disconnected(event.connection);
        break;
      case 'deal':
        for (const pool of this.#state.pools.values()) pool.deal(this.#state.sessionId, this.#send);
        break;
      case 'credit-granted':
      case 'credit-withdrawn':
      case 'batches-acknowledged':
      case 'acknowledgement-overdue':
      case 'draining':
        this.#heardFrom(event);
        break;
      default:
        event satisfies never;
    }
    this.#grantCredit();
    return this.#effects;
  }

  #sum(of: (pool: TaskPool) => number): number {
    let sum = 0;
    for (const pool of this.#state.pools.values()) sum += of(pool);
    return sum;
  }

  readonly #send = ({ connection }: Assignee, batch: SentBatch): void => {
    this.#effects.push({ type: 'send-batch', connection, batch });
  };

  #heardFrom(event: Extract<DispatchEvent, { connection: ConnectionNumber }>): void {
    const assignee = this.#state.byConnection.get(event.connection);
    if (assignee === undefined) return;
    if (event.type === 'credit-granted') this.#creditGranted(assignee, event.credit);
    if (event.type === 'credit-withdrawn') this.#state.poolOf(assignee).withdraw(assignee);
    if (event.type === 'batches-acknowledged') this.#acknowledged(assignee, event.batch);
    if (event.type === 'acknowledgement-overdue') this.#overdue(assignee, event.batch);
    if (event.type === 'draining') this.#draining(assignee);
  }

  // Upstream

  #upstreamOpened(sessionId: SessionId): void {
    const state = this.#state;
    this.#upstreamClosed();
    if (sessionId < state.sessionId) {
      const message = `session ${sessionId} of storage is over: ${state.sessionId} was seen`;
      this.#effects.push({ type: 'close-upstream', error: failedPrecondition(message) });
      return;
    }
    state.sessionId = sessionId;
    state.upstreamOpen = true;
    for (const { number: pool, profile } of state.pools.values()) {
      this.#effects.push({ type: 'open-pool', pool, profile });
    }
  }

  #upstreamClosed(): void {
    const state = this.#state;
    for (const pool of state.pools.values()) pool.dropAll();
    state.profiles.clear();
    state.upstreamOpen = false;
  }

  #tasksReady(number: PoolNumber, tasks: readonly ReadyTasks[]): void {
    const state = this.#state;
    if (!state.upstreamOpen) return;
    const pool = state.poolsByNumber.get(number);
    if (pool === undefined) return this.#return(tasks.map(toReturned));
    let count = 0;
    for (const { taskIndexes } of tasks) count += taskIndexes.length;
    if (count > pool.upstreamCredit) {
      const message = `ready: ${count} tasks came on a credit of ${pool.upstreamCredit}`;
      this.#upstreamClosed();
      this.#effects.push({ type: 'close-upstream', error: invalidArgument(message) });
      return;
    }
    pool.upstreamCredit -= count;
    for (const entry of tasks) {
      if (entry.profile !== undefined) state.profiles.set(entry.jobId, entry.profile);
      if (entry.taskIndexes.length > 0) pool.enqueue(entry, this.#profileOf(entry.jobId));
    }
  }

  #profileOf(jobId: number): JobProfile | undefined {
    return this.#state.profiles.get(jobId);
  }

  #jobEnded(jobId: number): void {
    for (const pool of this.#state.pools.values()) pool.dropJob(jobId);
    this.#state.profiles.delete(jobId);
  }

  #return(tasks: readonly ReturnedTasks[]): void {
    if (tasks.length > 0) this.#effects.push({ type: 'return-tasks', tasks });
  }

  #grantCredit(): void {
    if (!this.#state.upstreamOpen) return;
    for (const pool of this.#state.pools.values()) {
      const tasks = pool.takeCredit();
      if (tasks > 0) this.#effects.push({ type: 'grant-credit', pool: pool.number, tasks });
    }
  }

  // Execution managers

  #connected(
    connection: ConnectionNumber,
    executionManagerId: Assignee['executionManagerId'],
    profile: ExecutionManagerProfile,
  ): void {
    const state = this.#state;
    assert(!state.byConnection.has(connection), `connection ${connection} exists`);
    const earlier = state.byExecutionManager.get(executionManagerId);
    const pool = this.#poolOf(profile);
    const others = state.byConnection.size - (earlier === undefined ? 0 : 1);
    const { executionManagersMax: most = LIMITS.executionManagersPerScheduler } = this.#options;
    if (pool === undefined || others >= most) {
      const limit =
        pool === undefined
          ? `${LIMITS.executionManagerPools} kinds of execution managers`
          : `${most} execution managers`;
      const error = new SpiderError('resource-exhausted', `${limit} are connected`);
      this.#effects.push({ type: 'close-connection', connection, error });
      return;
    }
    const assignee = new Assignee(connection, executionManagerId, profileKey(profile));
    pool.assignees.push(assignee);
    if (earlier !== undefined) {
      const message = `execution manager ${executionManagerId} opened another assignment stream`;
      this.#close(earlier, new SpiderError('cancelled', message));
    }
    state.byConnection.set(connection, assignee);
    state.byExecutionManager.set(executionManagerId, assignee);
  }

  /** Opens one if there is none for the profile yet; undefined if there are too many. */
  #poolOf(profile: ExecutionManagerProfile): TaskPool | undefined {
    const state = this.#state;
    const key = profileKey(profile);
    const known = state.pools.get(key);
    if (known !== undefined || state.pools.size >= LIMITS.executionManagerPools) return known;
    const { policy, window, sharing = EQUAL_SHARING, activeJobs = ACTIVE_JOBS } = this.#options;
    state.lastPool += 1;
    const pool = new TaskPool({
      number: state.lastPool,
      profile,
      window,
      policy: policy.create<JobQueue>({ sharing, activeJobs }),
      followsDemand: policy.buffer === 'demand',
      deduplicates: policy.deduplicates,
    });
    state.pools.set(key, pool);
    state.poolsByNumber.set(pool.number, pool);
    if (state.upstreamOpen) this.#effects.push({ type: 'open-pool', pool: pool.number, profile });
    return pool;
  }

  #disconnected(connection: ConnectionNumber): void {
    const assignee = this.#state.byConnection.get(connection);
    if (assignee !== undefined) this.#remove(assignee);
  }

  #close(assignee: Assignee, error: SpiderError): void {
    this.#remove(assignee);
    this.#effects.push({ type: 'close-connection', connection: assignee.connection, error });
  }

  #remove(assignee: Assignee): void {
    const state = this.#state;
    const pool = state.poolOf(assignee);
    pool.removeAssignee(assignee);
    state.byConnection.delete(assignee.connection);
    state.byExecutionManager.delete(assignee.executionManagerId);
    if (pool.assignees.length === 0) this.#closePool(pool);
  }

  #closePool(pool: TaskPool): void {
    const state = this.#state;
    state.pools.delete(profileKey(pool.profile));
    state.poolsByNumber.delete(pool.number);
    if (!state.upstreamOpen) return;
    this.#effects.push({ type: 'close-pool', pool: pool.number });
    this.#return(pool.returnedTasks());
  }

  /** Gives back what waits, and with it the choice of what comes next. */
  #renewPool(pool: TaskPool): void {
    const state = this.#state;
    const { number, profile } = pool;
    const returned = pool.returnedTasks();
    state.lastPool += 1;
    pool.renumber(state.lastPool);
    state.poolsByNumber.delete(number);
    state.poolsByNumber.set(pool.number, pool);
    this.#effects.push({ type: 'close-pool', pool: number });
    this.#return(returned);
    this.#effects.push({ type: 'open-pool', pool: pool.number, profile });
  }

  #creditGranted(assignee: Assignee, credit: number): void {
    if (assignee.draining) return;
    const held = assignee.credit + assignee.unacknowledgedTasks;
    if (credit > LIMITS.assignmentCredit - held) {
      const message =
        `credit: ${credit} with ${held} tasks of earlier credit that are not assigned or not ` +
        `acknowledged is over ${LIMITS.assignmentCredit}`;
      this.#close(assignee, invalidArgument(message));
      return;
    }
    const pool = this.#state.poolOf(assignee);
    pool.grant(assignee, credit);
    if (this.#state.upstreamOpen && pool.isBloated) this.#renewPool(pool);
  }

  #acknowledged(assignee: Assignee, batch: number): void {
    if (batch > assignee.lastBatch) {
      const message = `acknowledged_batch: ${batch} was not sent, ${assignee.lastBatch} was the last`;
      this.#close(assignee, invalidArgument(message));
      return;
    }
    const pool = this.#state.poolOf(assignee);
    for (const sent of assignee.takeAcknowledged(batch)) pool.acknowledged(sent);
  }

  #overdue(assignee: Assignee, batch: number): void {
    const missing = assignee.unacknowledged.some(
      ({ number, tasks }) => number <= batch && tasks.some(({ job }) => !job.dropped),
    );
    if (!missing) return;
    const message = `batch ${batch} was not acknowledged in time; its tasks are assigned again`;
    this.#close(assignee, new SpiderError('unavailable', message));
  }

  #draining(assignee: Assignee): void {
    assignee.draining = true;
    this.#state.poolOf(assignee).takeBack(assignee);
  }
}

const toReturned = ({ jobId, resourceGroupId, taskIndexes }: ReadyTasks): ReturnedTasks => ({
  jobId,
  resourceGroupId,
  taskIndexes: Array.from(taskIndexes),
});
