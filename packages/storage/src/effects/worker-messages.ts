import type { Job } from '../cache/job.ts';
import type { SoftTimeouts } from '../lease/soft-timeouts.ts';
import type { CancelledEffect, ContextsEffect, PostponedEffect } from '../machine/job-effect.ts';
import type { WorkerLink } from '../ports.ts';
import type { TaskInstances } from '../task-instances.ts';

export interface WorkerMessagesOptions {
  readonly instances: TaskInstances;
  readonly softTimeouts: Pick<SoftTimeouts, 'add'>;
  /** The stream of an execution manager, while there is one. */
  readonly link: (executionManager: number) => WorkerLink | undefined;
}

/** What jobs tell execution managers. Nothing is said to one without a stream: it asks when it is back. */
export class WorkerMessages {
  readonly #options: WorkerMessagesOptions;

  constructor(options: WorkerMessagesOptions) {
    this.#options = options;
  }

  /** Instances are issued; from now on their soft timeouts run. */
  contexts(job: Job, effect: ContextsEffect): void {
    const { instances, softTimeouts, link } = this.#options;
    instances.advanceTo(effect.firstInstance + effect.taskIndices.length);
    softTimeouts.add(job, effect);
    link(effect.executionManager)?.contexts(job, effect);
  }

  refused(job: Job, executionManager: number, taskIndices: ArrayLike<number>): void {
    this.#options.link(executionManager)?.refused(job, Array.from(taskIndices));
  }

  postponed(job: Job, { executionManager, taskIndices }: PostponedEffect): void {
    this.#options.link(executionManager)?.postponed(job, taskIndices);
  }

  /** Tells each execution manager which of its instances are to stop. */
  cancelled(job: Job, effect: CancelledEffect): void {
    const positionsOf = new Map<number, number[]>();
    effect.executionManagers.forEach((executionManager, position) => {
      const positions = positionsOf.get(executionManager);
      if (positions === undefined) positionsOf.set(executionManager, [position]);
      else positions.push(position);
    });
    for (const [executionManager, positions] of positionsOf) {
      this.#options.link(executionManager)?.cancelled(job, effect, positions);
    }
  }
}
