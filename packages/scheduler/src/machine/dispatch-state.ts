import type { ExecutionManagerId, SessionId } from '@spider/core';

import type { Assignee } from './assignee.ts';
import type { ConnectionNumber } from './dispatch-event.ts';
import type { JobQueue } from './job-queue.ts';
import type { SchedulingPolicy } from './scheduling-policy.ts';

/** All that the dispatch machine knows. Only the machine changes it. */
export class DispatchState {
  /** How many tasks may be buffered here or on their way, by the credit given upstream. */
  readonly window: number;
  readonly policy: SchedulingPolicy<JobQueue>;

  /** Jobs of which tasks wait, or are with execution managers that have not acknowledged them. */
  readonly jobs = new Map<number, JobQueue>();
  /** How many tasks wait, over all jobs. */
  waiting = 0;

  upstreamOpen = false;
  /** The last start of storage that was heard of; 0 before the first. */
  sessionId = 0n as SessionId;
  /** How many tasks may still come on credit given. */
  upstreamCredit = 0;

  readonly byConnection = new Map<ConnectionNumber, Assignee>();
  readonly byExecutionManager = new Map<ExecutionManagerId, Assignee>();
  /** Those of `byConnection`, in the order in which they are served. */
  readonly assignees: Assignee[] = [];
  /** Whose turn is first in the next deal: a position in `assignees`. */
  firstServed = 0;
  /** The credit of all assignees together. */
  credit = 0;

  constructor(window: number, policy: SchedulingPolicy<JobQueue>) {
    this.window = window;
    this.policy = policy;
  }
}
