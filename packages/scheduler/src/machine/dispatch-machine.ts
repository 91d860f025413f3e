import { assert, failedPrecondition, invalidArgument, LIMITS, SpiderError } from '@spider/core';

import { Assignee, type TasksOfJob } from './assignee.ts';
import type { ConnectionNumber, DispatchEffect, DispatchEvent } from './dispatch-event.ts';
import type { ReadyTasks } from './dispatch-event.ts';
import { DispatchState } from './dispatch-state.ts';
import { JobQueue, phaseOf } from './job-queue.ts';
import { JobPhase, type SchedulingPolicyFactory } from './scheduling-policy.ts';
import { shareOut } from './share-out.ts';
import { validateState } from './validate-state.ts';

export interface DispatchMachineOptions {
  /** How many ready tasks may be buffered: 1…LIMITS.bufferedReadyTasks. */
  readonly window: number;
  readonly policy: SchedulingPolicyFactory;
}

/**
 * Decides which ready task goes to which execution manager.
 *
 * Ready tasks come from upstream, never more than the credit that was granted, and wait in the
 * queue of their job. Execution managers grant credit in turn. At each 'deal' as many tasks as there
 * are, or as there is credit for, leave in batches: the policy says which tasks, and the credits say
 * to whom. A batch stays on record until it is acknowledged; if its execution manager is lost before
 * that, its tasks wait again, before all others of their job.
 *
 * A task leaves the machine's care when it is acknowledged, when its job ends or enters a later
 * phase, or when the upstream closes: then storage hands it out again, if it is still to run.
 */
export class DispatchMachine {
  readonly #state: DispatchState;
  #effects: DispatchEffect[] = [];

  constructor({ window, policy }: DispatchMachineOptions) {
    assert(
      window >= 1 && window <= LIMITS.bufferedReadyTasks,
      `window: ${window} is not in 1…${LIMITS.bufferedReadyTasks}`,
    );
    this.#state = new DispatchState(window, policy<JobQueue>());
  }

  /** Whether a deal would hand out anything. */
  get canDeal(): boolean {
    return this.#state.waiting > 0 && this.#state.credit > 0;
  }

  /** How many ready tasks wait to be assigned. */
  get waiting(): number {
    return this.#state.waiting;
  }

  /** How many more tasks execution managers take. */
  get credit(): number {
    return this.#state.credit;
  }

  /** How many execution managers are connected. */
  get executionManagers(): number {
    return this.#state.assignees.length;
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
        this.#tasksReady(event.tasks);
        break;
      case 'jobs-ended':
        for (const jobId of event.jobIds) this.#dropJob(this.#state.jobs.get(jobId));
        break;
      case 'connected':
        this.#connected(event.connection, event.executionManagerId);
        break;
      case 'disconnected':
        this.#disconnected(event.connection);
        break;
      case 'deal':
        this.#deal();
        break;
      case 'credit-granted':
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

  #heardFrom(event: Extract<DispatchEvent, { connection: ConnectionNumber }>): void {
    const assignee = this.#state.byConnection.get(event.connection);
    if (assignee === undefined) return;
    if (event.type === 'credit-granted') this.#creditGranted(assignee, event.credit);
    if (event.type === 'batches-acknowledged') this.#acknowledged(assignee, event.batch);
    if (event.type === 'acknowledgement-overdue') this.#overdue(assignee, event.batch);
    if (event.type === 'draining') this.#draining(assignee);
  }

  // Upstream

  #upstreamOpened(sessionId: DispatchState['sessionId']): void {
    const state = this.#state;
    this.#upstreamClosed();
    if (sessionId < state.sessionId) {
      const message = `session ${sessionId} of storage is over: ${state.sessionId} was seen`;
      this.#effects.push({ type: 'close-upstream', error: failedPrecondition(message) });
      return;
    }
    state.sessionId = sessionId;
    state.upstreamOpen = true;
  }

  #upstreamClosed(): void {
    const state = this.#state;
    for (const job of state.jobs.values()) this.#dropJob(job);
    state.upstreamOpen = false;
    state.upstreamCredit = 0;
  }

  #tasksReady(tasks: readonly ReadyTasks[]): void {
    const state = this.#state;
    if (!state.upstreamOpen) return;
    let count = 0;
    for (const { taskIndexes } of tasks) count += taskIndexes.length;
    if (count > state.upstreamCredit) {
      const message = `ready: ${count} tasks came on a credit of ${state.upstreamCredit}`;
      this.#upstreamClosed();
      this.#effects.push({ type: 'close-upstream', error: invalidArgument(message) });
      return;
    }
    state.upstreamCredit -= count;
    for (const entry of tasks) if (entry.taskIndexes.length > 0) this.#enqueue(entry);
  }

  #enqueue({ jobId, resourceGroupId, taskIndexes }: ReadyTasks): void {
    const state = this.#state;
    const phase = latestPhase(taskIndexes);
    let job = state.jobs.get(jobId);
    if (job === undefined) {
      job = new JobQueue(jobId, resourceGroupId);
      state.jobs.set(jobId, job);
    }
    if (phase < job.phase) return;
    if (phase > job.phase) this.#enterPhase(job, phase);
    const tasks =
      phase === JobPhase.Regular
        ? taskIndexes
        : Array.from(taskIndexes).filter((index) => phaseOf(index) === phase);
    job.push(tasks);
    state.waiting += tasks.length;
    state.policy.added(job, tasks.length);
  }

  #enterPhase(job: JobQueue, phase: JobPhase): void {
    this.#clear(job);
    job.phase = phase;
  }

  #dropJob(job: JobQueue | undefined): void {
    if (job === undefined) return;
    this.#clear(job);
    job.dropped = true;
    this.#state.jobs.delete(job.jobId);
  }

  #clear(job: JobQueue): void {
    if (job.waiting === 0) return;
    this.#state.policy.removed(job);
    this.#state.waiting -= job.clear();
  }

  #forgetIfIdle(job: JobQueue): void {
    if (job.idle && !job.dropped) this.#state.jobs.delete(job.jobId);
  }

  /** In large steps, so that a message with credit stands for many tasks. */
  #grantCredit(): void {
    const state = this.#state;
    if (!state.upstreamOpen) return;
    const room = state.window - state.waiting - state.upstreamCredit;
    if (room < Math.max(1, state.window >> 1)) return;
    state.upstreamCredit += room;
    this.#effects.push({ type: 'grant-credit', tasks: room });
  }

  // Execution managers

  #connected(
    connection: ConnectionNumber,
    executionManagerId: Assignee['executionManagerId'],
  ): void {
    const state = this.#state;
    assert(!state.byConnection.has(connection), `connection ${connection} exists`);
    const earlier = state.byExecutionManager.get(executionManagerId);
    if (earlier !== undefined) {
      const message = `execution manager ${executionManagerId} opened another assignment stream`;
      this.#close(earlier, new SpiderError('cancelled', message));
    }
    if (state.assignees.length >= LIMITS.executionManagersPerScheduler) {
      const message = `${LIMITS.executionManagersPerScheduler} execution managers are connected`;
      const error = new SpiderError('resource-exhausted', message);
      this.#effects.push({ type: 'close-connection', connection, error });
      return;
    }
    const assignee = new Assignee(connection, executionManagerId);
    state.byConnection.set(connection, assignee);
    state.byExecutionManager.set(executionManagerId, assignee);
    state.assignees.push(assignee);
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
    this.#takeBack(assignee);
    state.byConnection.delete(assignee.connection);
    state.byExecutionManager.delete(assignee.executionManagerId);
    const at = state.assignees.indexOf(assignee);
    state.assignees.splice(at, 1);
    if (at < state.firstServed) state.firstServed -= 1;
    if (state.firstServed >= state.assignees.length) state.firstServed = 0;
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
    assignee.credit += credit;
    this.#state.credit += credit;
  }

  #acknowledged(assignee: Assignee, batch: number): void {
    if (batch > assignee.lastBatch) {
      const message = `acknowledged_batch: ${batch} was not sent, ${assignee.lastBatch} was the last`;
      this.#close(assignee, invalidArgument(message));
      return;
    }
    for (const { tasks } of assignee.takeAcknowledged(batch)) {
      for (const { job, taskIndexes } of tasks) {
        job.unacknowledged -= taskIndexes.length;
        this.#forgetIfIdle(job);
      }
    }
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
    this.#takeBack(assignee);
  }

  /** Voids an assignee's credit, and puts what it has not acknowledged back in the old order. */
  #takeBack(assignee: Assignee): void {
    this.#state.credit -= assignee.credit;
    assignee.credit = 0;
    for (const { tasks } of assignee.takeUnacknowledged().toReversed()) {
      for (const entry of tasks.toReversed()) this.#putBack(entry);
    }
  }

  #putBack({ job, taskIndexes }: TasksOfJob): void {
    job.unacknowledged -= taskIndexes.length;
    if (job.dropped) return;
    if (latestPhase(taskIndexes) === job.phase) {
      job.unshift(taskIndexes);
      this.#state.waiting += taskIndexes.length;
      this.#state.policy.returned(job, taskIndexes.length);
    } else {
      this.#forgetIfIdle(job);
    }
  }

  // Dealing

  #deal(): void {
    const state = this.#state;
    const tasks = Math.min(state.waiting, state.credit);
    if (tasks === 0) return;
    state.firstServed = shareOut(
      state.assignees,
      state.firstServed,
      tasks,
      state.credit,
      this.#give,
    );
    state.waiting -= tasks;
    state.credit -= tasks;
  }

  readonly #give = (assignee: Assignee, share: number): void => {
    for (let left = share; left > 0; left -= LIMITS.tasksPerAssignmentBatch) {
      const size = Math.min(left, LIMITS.tasksPerAssignmentBatch);
      const batch = assignee.nextBatch(this.#state.sessionId, this.#take(size), size);
      this.#effects.push({ type: 'send-batch', connection: assignee.connection, batch });
    }
  };

  /** The next tasks by policy; neighbours of the same job share an entry. */
  #take(size: number): TasksOfJob[] {
    const taken: TasksOfJob[] = [];
    let last: TasksOfJob | undefined;
    for (let left = size; left > 0;) {
      const { job, count } = this.#state.policy.next(left);
      assert(
        count >= 1 && count <= left && count <= job.waiting,
        `the policy gave job ${job.jobId} a turn of ${count} of ${job.waiting} tasks`,
      );
      if (last?.job !== job) {
        last = { job, taskIndexes: [] };
        taken.push(last);
      }
      job.shiftInto(last.taskIndexes, count);
      job.unacknowledged += count;
      left -= count;
    }
    return taken;
  }
}

function latestPhase(taskIndexes: ArrayLike<number>): JobPhase {
  let latest: JobPhase = JobPhase.Regular;
  for (let at = 0; at < taskIndexes.length; at++) {
    const phase = phaseOf(taskIndexes[at] ?? 0);
    if (phase > latest) latest = phase;
  }
  return latest;
}
