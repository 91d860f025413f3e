import type { ExecutionManagerId, SessionId, SpiderError } from '@spider/core';

import type { QueuedJob } from './scheduling-policy.ts';

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
}

/** Numbers the streams of execution managers; given by the shell, never used twice. */
export type ConnectionNumber = number;

/** What happens to the dispatch machine. Events of a connection that is gone change nothing. */
export type DispatchEvent =
  /** Storage hands out ready tasks from now on. */
  | { readonly type: 'upstream-opened'; readonly sessionId: SessionId }
  /** What storage handed out and nobody leased is storage's again. */
  | { readonly type: 'upstream-closed' }
  | { readonly type: 'tasks-ready'; readonly tasks: readonly ReadyTasks[] }
  | { readonly type: 'jobs-ended'; readonly jobIds: readonly number[] }
  /** An execution manager opened a stream; an earlier one of it is replaced. */
  | {
      readonly type: 'connected';
      readonly connection: ConnectionNumber;
      readonly executionManagerId: ExecutionManagerId;
    }
  /** It takes that many more tasks. */
  | {
      readonly type: 'credit-granted';
      readonly connection: ConnectionNumber;
      readonly credit: number;
    }
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
  /** Always the last effect of an event: a source in the same process answers it at once. */
  | { readonly type: 'grant-credit'; readonly tasks: number }
  /** The upstream broke its rules; the machine counts it as closed. */
  | { readonly type: 'close-upstream'; readonly error: SpiderError };
