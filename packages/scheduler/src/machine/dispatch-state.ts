import { assert, type ExecutionManagerId, type SessionId } from '@spider/core';

import type { Assignee } from './assignee.ts';
import type { ConnectionNumber, JobProfile, PoolNumber } from './dispatch-event.ts';
import type { TaskPool } from './task-pool.ts';

/** All that the dispatch machine knows. Only the machine changes it. */
export class DispatchState {
  /** By profile; each has at least one execution manager. */
  readonly pools = new Map<string, TaskPool>();
  readonly poolsByNumber = new Map<PoolNumber, TaskPool>();
  lastPool: PoolNumber = 0;
  /** Of jobs that have not ended, as far as anything was said of them. */
  readonly profiles = new Map<number, JobProfile>();

  upstreamOpen = false;
  /** The last start of storage that was heard of; 0 before the first. */
  sessionId = 0n as SessionId;

  readonly byConnection = new Map<ConnectionNumber, Assignee>();
  readonly byExecutionManager = new Map<ExecutionManagerId, Assignee>();

  poolOf({ profileKey }: Assignee): TaskPool {
    const pool = this.pools.get(profileKey);
    assert(pool !== undefined, 'an execution manager without a pool');
    return pool;
  }
}
