import type { SessionId } from '@spider/core';
import { assert, LIMITS } from '@spider/core';

import type { Assignee, SentBatch, TasksOfJob } from './assignee.ts';
import type { JobProfile, PoolNumber, ReadyTasks, ReturnedTasks } from './dispatch-event.ts';
import type { ExecutionManagerProfile } from './execution-manager-profile.ts';
import { JobQueue, latestPhase, phaseOf } from './job-queue.ts';
import { JobPhase, type SchedulingPolicy } from './scheduling-policy.ts';
import { shareOut } from './share-out.ts';

export interface TaskPoolOptions {
  readonly number: PoolNumber;
  readonly profile: ExecutionManagerProfile;
  readonly policy: SchedulingPolicy<JobQueue>;
  /** How many ready tasks may wait, or be on their way by the credit given upstream. */
  readonly window: number;
  /** Whether fewer wait as long as that keeps everybody busy. */
  readonly followsDemand: boolean;
  readonly deduplicates: boolean;
}

/** Of the tasks that execution managers have on the way to them: as many wait behind these. */
const WINDOW_PER_APPETITE = 2;
/** Beyond this many times what is wanted, storage is to choose anew. */
const BLOATED_FACTOR = 8;
const BLOATED_MIN = 64;

/**
 * Execution managers that may run the same tasks, and the tasks that wait for one of them: a task is
 * in one pool, and goes to whoever of it has credit.
 */
export class TaskPool {
  #number: PoolNumber;
  readonly profile: ExecutionManagerProfile;
  readonly policy: SchedulingPolicy<JobQueue>;
  readonly window: number;
  readonly #followsDemand: boolean;
  readonly #deduplicates: boolean;

  /** Jobs of which tasks wait, or are with execution managers that have not acknowledged them. */
  readonly jobs = new Map<number, JobQueue>();
  /** How many tasks wait, over all jobs. */
  waiting = 0;
  /** How many tasks may still come on credit given. */
  upstreamCredit = 0;

  /** In the order in which they are served. */
  readonly assignees: Assignee[] = [];
  /** Whose turn is first in the next deal: a position in `assignees`. */
  firstServed = 0;
  /** The credit of all assignees together. */
  credit = 0;
  /** Their appetite, likewise. */
  appetite = 0;

  constructor(options: TaskPoolOptions) {
    this.#number = options.number;
    this.profile = options.profile;
    this.policy = options.policy;
    this.window = options.window;
    this.#followsDemand = options.followsDemand;
    this.#deduplicates = options.deduplicates;
  }

  /** What upstream knows the pool by. */
  get number(): PoolNumber {
    return this.#number;
  }

  /** Whether far more waits, or may come, than execution managers take since tasks are longer. */
  get isBloated(): boolean {
    if (!this.#followsDemand) return false;
    return this.waiting + this.upstreamCredit > BLOATED_FACTOR * this.#target() + BLOATED_MIN;
  }

  /** Upstream knows the pool by another number, for which nothing has come and no credit is out. */
  renumber(number: PoolNumber): void {
    this.#number = number;
    this.upstreamCredit = 0;
    for (const job of this.jobs.values()) {
      this.#clear(job);
      this.#forgetIfIdle(job);
    }
  }

  /** Adds tasks behind those of their job. What belongs to an earlier phase of it is dropped. */
  enqueue({ jobId, resourceGroupId, taskIndexes }: ReadyTasks, profile?: JobProfile): void {
    const phase = latestPhase(taskIndexes);
    let job = this.jobs.get(jobId);
    if (job === undefined) {
      job = new JobQueue(jobId, resourceGroupId, profile, this.#deduplicates);
      this.jobs.set(jobId, job);
    }
    if (phase < job.phase) return;
    if (phase > job.phase) {
      this.#clear(job);
      job.phase = phase;
    }
    const tasks =
      phase === JobPhase.Regular
        ? taskIndexes
        : Array.from(taskIndexes).filter((index) => phaseOf(index) === phase);
    const added = job.push(tasks);
    if (added === 0) return;
    this.waiting += added;
    this.policy.added(job, added);
  }

  /** Nothing of the job is to be dispatched any more. */
  dropJob(jobId: number): void {
    const job = this.jobs.get(jobId);
    if (job === undefined) return;
    this.#clear(job);
    job.dropped = true;
    this.jobs.delete(jobId);
  }

  dropAll(): void {
    for (const jobId of this.jobs.keys()) this.dropJob(jobId);
    this.upstreamCredit = 0;
  }

  /** All that waits, for whoever takes care of it when the pool is no more. */
  returnedTasks(): ReturnedTasks[] {
    const returned: ReturnedTasks[] = [];
    for (const job of this.jobs.values()) {
      const { jobId, resourceGroupId } = job;
      if (job.waiting > 0) returned.push({ jobId, resourceGroupId, taskIndexes: job.toArray() });
    }
    return returned;
  }

  grant(assignee: Assignee, credit: number): void {
    this.appetite += assignee.grant(credit);
    this.credit += credit;
  }

  withdraw(assignee: Assignee): void {
    this.credit -= assignee.credit;
    assignee.credit = 0;
  }

  removeAssignee(assignee: Assignee): void {
    this.takeBack(assignee);
    this.appetite -= assignee.appetite;
    const at = this.assignees.indexOf(assignee);
    this.assignees.splice(at, 1);
    if (at < this.firstServed) this.firstServed -= 1;
    if (this.firstServed >= this.assignees.length) this.firstServed = 0;
  }

  acknowledged({ tasks }: SentBatch): void {
    for (const { job, taskIndexes } of tasks) {
      job.unacknowledged -= taskIndexes.length;
      this.#forgetIfIdle(job);
    }
  }

  /** Voids an assignee's credit, and puts what it has not acknowledged back in the old order. */
  takeBack(assignee: Assignee): void {
    this.withdraw(assignee);
    for (const { tasks } of assignee.takeUnacknowledged().toReversed()) {
      for (const entry of tasks.toReversed()) this.#putBack(entry);
    }
  }

  /** How much credit is to be given upstream now; it counts as given. */
  takeCredit(): number {
    const room = this.#target() - this.waiting - this.upstreamCredit;
    // In large steps, so that a message with credit stands for many tasks.
    if (room < Math.max(1, this.#target() >> 2)) return 0;
    this.upstreamCredit += room;
    return room;
  }

  /** Shares what waits out among those who have credit. */
  deal(sessionId: SessionId, send: (assignee: Assignee, batch: SentBatch) => void): void {
    const tasks = Math.min(this.waiting, this.credit);
    if (tasks === 0) return;
    this.firstServed = shareOut(
      this.assignees,
      this.firstServed,
      tasks,
      this.credit,
      (assignee, share) => {
        for (let left = share; left > 0; left -= LIMITS.tasksPerAssignmentBatch) {
          const size = Math.min(left, LIMITS.tasksPerAssignmentBatch);
          send(assignee, assignee.nextBatch(sessionId, this.#take(size), size));
        }
      },
    );
    this.waiting -= tasks;
    this.credit -= tasks;
  }

  #target(): number {
    if (!this.#followsDemand) return this.window;
    return Math.min(this.window, Math.max(1, this.appetite * WINDOW_PER_APPETITE));
  }

  #clear(job: JobQueue): void {
    if (job.waiting === 0) return;
    this.policy.removed(job);
    this.waiting -= job.clear();
  }

  #putBack({ job, taskIndexes }: TasksOfJob): void {
    job.unacknowledged -= taskIndexes.length;
    if (job.dropped) return;
    const returned = latestPhase(taskIndexes) === job.phase ? job.unshift(taskIndexes) : 0;
    this.waiting += returned;
    if (returned > 0) this.policy.returned(job, returned);
    else this.#forgetIfIdle(job);
  }

  #forgetIfIdle(job: JobQueue): void {
    if (job.idle && !job.dropped) this.jobs.delete(job.jobId);
  }

  /** The next tasks by policy; neighbours of the same job share an entry. */
  #take(size: number): TasksOfJob[] {
    const taken: TasksOfJob[] = [];
    let last: TasksOfJob | undefined;
    for (let left = size; left > 0;) {
      const { job, count } = this.policy.next(left);
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
