import { DeadlineQueue } from '@spider/runtime';
import type { Clock, Deadline } from '@spider/runtime';
import type { Job } from '../cache/job.ts';
import type { ContextsEffect } from '../machine/job-effect.ts';

export interface SoftTimeoutsOptions {
  readonly clock: Clock;
  /** The soft timeout of these instances has passed. */
  readonly onDue: (job: Job, instances: SlowInstances) => void;
}

/** The columns run in parallel. */
export interface SlowInstances {
  readonly taskIndices: Uint32Array;
  readonly instances: Float64Array;
}

/**
 * Watches for instances that take longer than their tasks' soft timeouts. Whether they have ended in
 * the meantime is their job's business.
 */
export class SoftTimeouts implements Disposable {
  readonly #deadlines: DeadlineQueue;
  readonly #onDue: SoftTimeoutsOptions['onDue'];
  readonly #ofJob = new Map<Job, Set<Watch>>();

  constructor({ clock, onDue }: SoftTimeoutsOptions) {
    this.#deadlines = new DeadlineQueue(clock);
    this.#onDue = onDue;
  }

  /** Instances were issued. */
  add(job: Job, effect: ContextsEffect): void {
    const { firstInstance } = effect;
    const [first, ...others] = effect.kinds.map(({ policy }) => policy.softTimeoutMs);
    if (first === undefined) return;
    const taskIndices = Uint32Array.from(effect.taskIndices);
    if (others.every((timeoutMs) => timeoutMs === first)) {
      this.#watch(job, first, () => ({
        taskIndices,
        instances: Float64Array.from(taskIndices, (_, at) => firstInstance + at),
      }));
      return;
    }
    for (const [timeoutMs, positions] of byTimeout(effect)) {
      this.#watch(job, timeoutMs, () => ({
        taskIndices: Uint32Array.from(positions, (at) => taskIndices[at] ?? 0),
        instances: Float64Array.from(positions, (at) => firstInstance + at),
      }));
    }
  }

  /**
   * Instances are found again that were issued by a storage before this one.
   *
   * @param ageMs how long ago that was.
   */
  resume(job: Job, { taskIndices, instances }: SlowInstances, ageMs: number): void {
    const positionsOf = new Map<number, number[]>();
    taskIndices.forEach((taskIndex, position) => {
      const timeoutMs = job.machine.taskKind(taskIndex)?.policy.softTimeoutMs ?? Infinity;
      pushTo(positionsOf, timeoutMs, position);
    });
    for (const [timeoutMs, positions] of positionsOf) {
      this.#watch(job, Math.max(0, timeoutMs - ageMs), () => ({
        taskIndices: Uint32Array.from(positions, (at) => taskIndices[at] ?? 0),
        instances: Float64Array.from(positions, (at) => instances[at] ?? 0),
      }));
    }
  }

  #watch(job: Job, timeoutMs: number, instances: () => SlowInstances): void {
    const ofJob = this.#ofJob.get(job) ?? new Set();
    this.#ofJob.set(job, ofJob);
    const watch = new Watch(this.#deadlines, () => {
      ofJob.delete(watch);
      this.#onDue(job, instances());
    });
    ofJob.add(watch);
    watch.start(timeoutMs);
  }

  /** A job has ended. */
  forget(job: Job): void {
    for (const watch of this.#ofJob.get(job) ?? []) watch.stop();
    this.#ofJob.delete(job);
  }

  [Symbol.dispose](): void {
    this.#deadlines[Symbol.dispose]();
    this.#ofJob.clear();
  }
}

/** A deadline that lets go of all it knows when it is stopped; the queue keeps it for a while. */
class Watch {
  readonly #deadline: Deadline;
  #onDue: (() => void) | undefined;

  constructor(deadlines: DeadlineQueue, onDue: () => void) {
    this.#onDue = onDue;
    this.#deadline = deadlines.create(() => this.#onDue?.());
  }

  start(timeoutMs: number): void {
    this.#deadline.set(timeoutMs);
  }

  stop(): void {
    this.#onDue = undefined;
    this.#deadline.clear();
  }
}

/** The positions in an effect by the soft timeouts of their kinds. */
function byTimeout({ kinds, kindPositions }: ContextsEffect): Map<number, number[]> {
  const positionsOf = new Map<number, number[]>();
  kindPositions.forEach((kind, position) => {
    const timeoutMs = kinds[kind]?.policy.softTimeoutMs ?? Infinity;
    pushTo(positionsOf, timeoutMs, position);
  });
  return positionsOf;
}

function pushTo(positionsOf: Map<number, number[]>, timeoutMs: number, position: number): void {
  const positions = positionsOf.get(timeoutMs);
  if (positions === undefined) positionsOf.set(timeoutMs, [position]);
  else positions.push(position);
}
