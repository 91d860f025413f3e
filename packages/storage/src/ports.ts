import type { SpiderError } from '@spider/core';
import type { Peer } from '@spider/runtime';
import type { Job } from './cache/job.ts';
import type { CancelledEffect, ContextsEffect } from './machine/job-effect.ts';
import type { TaskLogLink } from './task-log/task-log-link.ts';

/** The way down to an execution manager, while its stream is open. */
export interface WorkerLink {
  /** Whose pings are signs of life, too. */
  readonly peer?: Pick<Peer, 'heardUs'> | undefined;
  contexts(job: Job, effect: ContextsEffect): void;
  refused(job: Job, taskIndices: number[]): void;
  /** Leases to be asked for anew when `job.waitingLeases` are told. */
  postponed(job: Job, taskIndices: number[]): void;
  /** The instances at these positions of the effect are this execution manager's. */
  cancelled(job: Job, effect: CancelledEffect, positions: readonly number[]): void;
  /** Whether all that the execution manager says is heard; not while there is no room for it here. */
  readonly isHearing: boolean;
  /** The way to what its tasks have printed; undefined if it cannot tell. */
  readonly logs: TaskLogLink | undefined;
  /** The execution manager is to end. */
  drain(): void;
  /** Ends the stream, in order or with an error. */
  close(error: SpiderError | undefined): void;
}
