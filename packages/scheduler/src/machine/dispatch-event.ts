import type { ExecutionManagerId, SessionId, SpiderError } from '@spider/core';

import type { ExecutionManagerProfile } from './execution-manager-profile.ts';
import type { QueuedJob } from './scheduling-policy.ts';

/** What is said of a job once. */
export interface JobProfile {
  /** Higher goes first within the resource group. */
  readonly priority: number;
  /** Tasks on the longest path through its graph. */
  readonly criticalPath: number;
}

/** Tasks of one job that may run now. */
export interface ReadyTasks {
  /** At most 2^53−1: ids are numbers wherever tasks are counted in millions. */
  readonly jobId: number;
  readonly resourceGroupId: number;
  /**
   * Positions in the job's task graph, or COMMIT_TASK_INDEX, or CLEANUP_TASK_INDEX. Read before the
   * call returns and never kept, so the giver may use the array again.
   */
  readonly taskIndexes: ArrayLike<number>;
  /** Given at least once, before or with the job's first tasks; the usual one otherwise. */
  readonly profile?: JobProfile | undefined;
}

/** Tasks of one job that go back to where they came from. */
export interface ReturnedTasks {
  readonly jobId: number;
  readonly resourceGroupId: number;
  readonly taskIndexes: readonly number[];
}

/** Numbers the pools of execution managers with the same profile; never used twice. */
export type PoolNumber = number;

/** Numbers the streams of execution managers; given by the shell, never used twice. */
export type ConnectionNumber = number;

/** What happens to the dispatch machine. Events of a connection that is gone change nothing. */
export type DispatchEvent =
  /** Storage hands out ready tasks from now on. */
  | { readonly type: 'upstream-opened'; readonly sessionId: SessionId }
  /** What storage handed out and nobody leased is storage's again. */
  | { readonly type: 'upstream-closed' }
  /** On the credit of a pool. If it is closed they go back. */
  | {
      readonly type: 'tasks-ready';
      readonly pool: PoolNumber;
      readonly tasks: readonly ReadyTasks[];
    }
  | { readonly type: 'jobs-ended'; readonly jobIds: readonly number[] }
  /** An execution manager opened a stream; an earlier one of it is replaced. */
  | {
      readonly type: 'connected';
      readonly connection: ConnectionNumber;
      readonly executionManagerId: ExecutionManagerId;
      readonly profile: ExecutionManagerProfile;
    }
  /** It takes that many more tasks. */
  | {
      readonly type: 'credit-granted';
      readonly connection: ConnectionNumber;
      readonly credit: number;
    }
  /** It takes nothing more until it grants credit again. */
  | { readonly type: 'credit-withdrawn'; readonly connection: ConnectionNumber }
  /** All its batches up to this number are leased at storage, or dropped for good. */
  | {
      readonly type: 'batches-acknowledged';
      readonly connection: ConnectionNumber;
      readonly batch: number;
    }
  /** It should have acknowledged this batch by now. */
  | {
      readonly type: 'acknowledgement-overdue';
      readonly connection: ConnectionNumber;
      readonly batch: number;
    }
  /** It takes nothing more, and gives back what it has not acknowledged. */
  | { readonly type: 'draining'; readonly connection: ConnectionNumber }
  | { readonly type: 'disconnected'; readonly connection: ConnectionNumber }
  /** What has gathered is to be dealt out now. */
  | { readonly type: 'deal' };

/** Tasks of one job within a batch. */
export interface AssignedTasks {
  readonly job: QueuedJob;
  readonly taskIndexes: readonly number[];
}

export interface AssignmentBatch {
  /** Counts the batches of a connection from 1. */
  readonly number: number;
  readonly sessionId: SessionId;
  readonly tasks: readonly AssignedTasks[];
}

/** What the dispatch machine wants done. Effects are carried out in order. */
export type DispatchEffect =
  | {
      readonly type: 'send-batch';
      readonly connection: ConnectionNumber;
      readonly batch: AssignmentBatch;
    }
  /** The machine has forgotten the connection already. */
  | {
      readonly type: 'close-connection';
      readonly connection: ConnectionNumber;
      readonly error: SpiderError;
    }
  /** The first execution manager of a profile has come. */
  | {
      readonly type: 'open-pool';
      readonly pool: PoolNumber;
      readonly profile: ExecutionManagerProfile;
    }
  /** The last one has gone, and the credit of the pool is void. */
  | { readonly type: 'close-pool'; readonly pool: PoolNumber }
  /** Nobody is left here who could run these. */
  | { readonly type: 'return-tasks'; readonly tasks: readonly ReturnedTasks[] }
  /** Always the last effects of an event: a source in the same process answers them at once. */
  | { readonly type: 'grant-credit'; readonly pool: PoolNumber; readonly tasks: number }
  /** The upstream broke its rules; the machine counts it as closed. */
  | { readonly type: 'close-upstream'; readonly error: SpiderError };
