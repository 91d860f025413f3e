import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX } from '@spider/core';

import type { JobProfile } from './dispatch-event.ts';
import { JobPhase, type QueuedJob } from './scheduling-policy.ts';

const SMALLEST_RING = 16;

/** Of a job of which nothing was said. */
const USUAL_PROFILE: JobProfile = { priority: 0, criticalPath: 1 };

/** In which phase of its job a task runs. */
export function phaseOf(taskIndex: number): JobPhase {
  if (taskIndex < CLEANUP_TASK_INDEX) return JobPhase.Regular;
  return taskIndex === COMMIT_TASK_INDEX ? JobPhase.Commit : JobPhase.Cleanup;
}

/** The latest phase that any of these tasks runs in. */
export function latestPhase(taskIndexes: ArrayLike<number>): JobPhase {
  let latest: JobPhase = JobPhase.Regular;
  for (let at = 0; at < taskIndexes.length; at++) {
    const phase = phaseOf(taskIndexes[at] ?? 0);
    if (phase > latest) latest = phase;
  }
  return latest;
}

/**
 * One job's ready tasks that wait to be assigned, oldest first: a ring of task indexes that doubles
 * when it is full, so that a waiting task costs four bytes.
 */
export class JobQueue implements QueuedJob {
  readonly jobId: number;
  readonly resourceGroupId: number;
  readonly priority: number;
  readonly criticalPath: number;
  /** All that waits in a pool may run there. */
  readonly requirement = '';
  phase: JobPhase = JobPhase.Regular;
  /** How many of its tasks are with execution managers that have not acknowledged them. */
  unacknowledged = 0;
  /** Set for good when nothing of the job is this scheduler's to dispatch any more. */
  dropped = false;

  #ring = new Uint32Array(SMALLEST_RING);
  #head = 0;
  #waiting = 0;

  /** What waits, if nothing may do so twice. */
  readonly #isWaiting: Set<number> | undefined;

  constructor(
    jobId: number,
    resourceGroupId: number,
    profile: JobProfile = USUAL_PROFILE,
    deduplicates = false,
  ) {
    this.jobId = jobId;
    this.resourceGroupId = resourceGroupId;
    this.priority = profile.priority;
    this.criticalPath = profile.criticalPath;
    this.#isWaiting = deduplicates ? new Set() : undefined;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Whether there is nothing left to remember the job for. */
  get idle(): boolean {
    return this.#waiting === 0 && this.unacknowledged === 0;
  }

  /** Appends tasks. Answers how many: those that wait already may be left out. */
  push(tasks: ArrayLike<number>): number {
    const taskIndexes = this.#new(tasks);
    const count = taskIndexes.length;
    this.#reserve(count);
    const ring = this.#ring;
    const mask = ring.length - 1;
    const tail = this.#head + this.#waiting;
    for (let at = 0; at < count; at++) ring[(tail + at) & mask] = taskIndexes[at] ?? 0;
    this.#waiting += count;
    return count;
  }

  /** Puts tasks back before all others, in the order given. Answers as `push` does. */
  unshift(tasks: ArrayLike<number>): number {
    const taskIndexes = this.#new(tasks);
    const count = taskIndexes.length;
    this.#reserve(count);
    const ring = this.#ring;
    const mask = ring.length - 1;
    const head = (this.#head - count) & mask;
    for (let at = 0; at < count; at++) ring[(head + at) & mask] = taskIndexes[at] ?? 0;
    this.#head = head;
    this.#waiting += count;
    return count;
  }

  /** Moves the oldest tasks to the end of `target`; `count` is at most what waits. */
  shiftInto(target: number[], count: number): void {
    const ring = this.#ring;
    const mask = ring.length - 1;
    const head = this.#head;
    for (let at = 0; at < count; at++) {
      const taskIndex = ring[(head + at) & mask] ?? 0;
      target.push(taskIndex);
      this.#isWaiting?.delete(taskIndex);
    }
    this.#head = (head + count) & mask;
    this.#waiting -= count;
  }

  /** What waits, oldest first. */
  toArray(): number[] {
    const mask = this.#ring.length - 1;
    return Array.from(
      { length: this.#waiting },
      (_, at) => this.#ring[(this.#head + at) & mask] ?? 0,
    );
  }

  /** Forgets all that waits. Answers how many tasks that were. */
  clear(): number {
    const cleared = this.#waiting;
    this.#head = 0;
    this.#waiting = 0;
    this.#ring = new Uint32Array(SMALLEST_RING);
    this.#isWaiting?.clear();
    return cleared;
  }

  #new(taskIndexes: ArrayLike<number>): ArrayLike<number> {
    const isWaiting = this.#isWaiting;
    if (isWaiting === undefined) return taskIndexes;
    const added: number[] = [];
    for (let at = 0; at < taskIndexes.length; at++) {
      const taskIndex = taskIndexes[at] ?? 0;
      if (isWaiting.has(taskIndex)) continue;
      isWaiting.add(taskIndex);
      added.push(taskIndex);
    }
    return added;
  }

  #reserve(count: number): void {
    const needed = this.#waiting + count;
    const ring = this.#ring;
    if (needed <= ring.length) return;
    let length = ring.length * 2;
    while (length < needed) length *= 2;
    const larger = new Uint32Array(length);
    const untilWrap = ring.subarray(this.#head, this.#head + this.#waiting);
    larger.set(untilWrap);
    larger.set(ring.subarray(0, this.#waiting - untilWrap.length), untilWrap.length);
    this.#ring = larger;
    this.#head = 0;
  }
}
