import { LIMITS } from '@spider/core';
import type { TimestampMs } from '@spider/core';
import type { Job } from '../cache/job.ts';
import type { ContextsEffect } from '../machine/job-effect.ts';
import type { WorkerLink } from '../ports.ts';

/**
 * Stands for the stream of an execution manager of the reference. That one asks for a task at a time,
 * in a call of its own, and there is no way to tell it of cancellations.
 */
export class UnaryLink implements WorkerLink {
  readonly isHearing = true;
  readonly logs = undefined;
  #contexts: ContextsEffect | undefined;
  #isPostponed = false;
  /** When instances were issued, oldest first. */
  readonly #issued = new Map<number, TimestampMs>();

  contexts(_job: Job, effect: ContextsEffect): void {
    this.#contexts = effect;
  }

  refused(): void {
    // There are no contexts to take then.
  }

  postponed(): void {
    this.#isPostponed = true;
  }

  cancelled(): void {}

  drain(): void {}

  close(): void {}

  /** What the lease that was just asked for has led to; undefined if it was refused. */
  takeContexts(): ContextsEffect | undefined {
    const contexts = this.#contexts;
    this.#contexts = undefined;
    return contexts;
  }

  /** Whether the lease that was just asked for is to be asked for anew when a recall has ended. */
  takePostponed(): boolean {
    const isPostponed = this.#isPostponed;
    this.#isPostponed = false;
    return isPostponed;
  }

  /** Remembers when an instance started, of the latest ones at least. */
  issued(instance: number, at: TimestampMs): void {
    this.#issued.set(instance, at);
    if (this.#issued.size <= LIMITS.slotsPerExecutionManager) return;
    for (const oldest of this.#issued.keys()) {
      this.#issued.delete(oldest);
      return;
    }
  }

  /** When an instance that has ended started, if that is known. */
  takeIssued(instance: number): TimestampMs | undefined {
    const at = this.#issued.get(instance);
    this.#issued.delete(instance);
    return at;
  }
}
