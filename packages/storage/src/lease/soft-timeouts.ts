import { DeadlineQueue } from '@spider/runtime';
import type { Clock, Deadline } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { ContextsEffect } from '../machine/job-effect.ts';
import { RunningInstances } from './running-instances.ts';
import type { SlowInstances } from './running-instances.ts';

export interface SoftTimeoutsOptions {
  readonly clock: Clock;
  /** The soft timeout of these instances has passed. */
  readonly onDue: (job: Job, instances: SlowInstances) => void;
}

/**
 * Watches for instances that take longer than their tasks' soft timeouts. Whether they have ended in
 * the meantime is their job's business.
 */
export class SoftTimeouts implements Disposable {
  readonly #clock: Clock;
  readonly #deadlines: DeadlineQueue;
  readonly #onDue: SoftTimeoutsOptions['onDue'];
  /** Of each job one for each length of a soft timeout, or of what was left of it. */
  readonly #ofJob = new Map<Job, Map<number, Watch>>();

  constructor({ clock, onDue }: SoftTimeoutsOptions) {
    this.#clock = clock;
    this.#deadlines = new DeadlineQueue(clock);
    this.#onDue = onDue;
  }

  /** Instances that are watched; some may have ended. */
  get size(): number {
    let size = 0;
    for (const watches of this.#ofJob.values()) {
      for (const { instances } of watches.values()) size += instances.length;
    }
    return size;
  }

  /** Instances were issued. */
  add(job: Job, effect: ContextsEffect): void {
    const { kinds, kindPositions, taskIndices, firstInstance } = effect;
    const nowUs = this.#clock.monotonicUs();
    const watches = kinds.map(({ policy }) => this.#watchOf(job, policy.softTimeoutMs));
    for (let at = 0; at < taskIndices.length; at++) {
      const watch = watches[kindPositions[at] as number];
      watch?.instances.push(
        taskIndices[at] as number,
        firstInstance + at,
        nowUs + watch.timeoutMs * 1000,
      );
    }
    for (const watch of watches) watch.added(nowUs);
  }

  /**
   * Instances are found again that were issued by a storage before this one.
   *
   * @param ageMs how long ago that was.
   */
  resume(job: Job, { taskIndices, instances }: SlowInstances, ageMs: number): void {
    const nowUs = this.#clock.monotonicUs();
    const watches = new Set<Watch>();
    taskIndices.forEach((taskIndex, at) => {
      const timeoutMs = job.machine.taskKind(taskIndex)?.policy.softTimeoutMs;
      if (timeoutMs === undefined) return;
      const watch = this.#watchOf(job, Math.max(0, timeoutMs - ageMs));
      watch.instances.push(taskIndex, instances[at] as number, nowUs + watch.timeoutMs * 1000);
      watches.add(watch);
    });
    for (const watch of watches) watch.added(nowUs);
  }

  #watchOf(job: Job, timeoutMs: number): Watch {
    let ofJob = this.#ofJob.get(job);
    if (ofJob === undefined) {
      ofJob = new Map();
      this.#ofJob.set(job, ofJob);
    }
    let watch = ofJob.get(timeoutMs);
    if (watch === undefined) {
      watch = new Watch(job, timeoutMs, this.#deadlines, (of) => this.#meet(of));
      ofJob.set(timeoutMs, watch);
    }
    return watch;
  }

  #meet(watch: Watch): void {
    const { job } = watch;
    if (job === undefined) return;
    const nowUs = this.#clock.monotonicUs();
    const slow = watch.instances.takeDue(nowUs);
    watch.added(nowUs);
    if (watch.instances.length === 0) this.#ofJob.get(job)?.delete(watch.timeoutMs);
    if (slow.taskIndices.length > 0) this.#onDue(job, slow);
  }

  /** A job has ended. */
  forget(job: Job): void {
    for (const watch of this.#ofJob.get(job)?.values() ?? []) watch.stop();
    this.#ofJob.delete(job);
  }

  [Symbol.dispose](): void {
    this.#deadlines[Symbol.dispose]();
    this.#ofJob.clear();
  }
}

/** A job's instances with one soft timeout. The queue of deadlines keeps it for a while when it is stopped. */
class Watch {
  job: Job | undefined;
  readonly timeoutMs: number;
  instances = new RunningInstances();
  readonly #deadline: Deadline;

  constructor(
    job: Job,
    timeoutMs: number,
    deadlines: DeadlineQueue,
    onDue: (watch: Watch) => void,
  ) {
    this.job = job;
    this.timeoutMs = timeoutMs;
    this.#deadline = deadlines.create(() => onDue(this));
  }

  /** The first instance may be another one. */
  added(nowUs: number): void {
    const { job, instances } = this;
    if (job === undefined) return;
    instances.prune((taskIndex, instance) => job.machine.isLive(taskIndex, instance));
    const { firstDueUs } = instances;
    if (firstDueUs === undefined) this.#deadline.clear();
    else if (!this.#deadline.isSet) this.#deadline.set((firstDueUs - nowUs) / 1000);
  }

  stop(): void {
    this.job = undefined;
    this.instances = new RunningInstances();
    this.#deadline.clear();
  }
}
