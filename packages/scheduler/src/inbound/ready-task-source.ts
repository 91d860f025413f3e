import type { SchedulerId, SessionId, Sharing, SpiderError } from '@spider/core';

import type { PoolNumber, ReadyTasks, ReturnedTasks } from '../machine/dispatch-event.ts';
import type { ExecutionManagerProfile } from '../machine/execution-manager-profile.ts';

/** What a source of ready tasks says. All calls are synchronous and none may throw. */
export interface ReadyTaskHandlers {
  /**
   * The source is open. Comes once, before anything else but `onClose`. No task comes before credit
   * was granted, and credit may be granted within this call.
   */
  onOpen(welcome: ReadyTaskWelcome): void;
  /**
   * No more tasks than credit is left for in the pool; those of one job come in the order they are to
   * run in.
   */
  onReady(tasks: readonly ReadyTasks[], pool: PoolNumber): void;
  /** Nothing of these jobs is to be dispatched any more. */
  onJobsEnded(jobIds: readonly number[]): void;
  /**
   * Comes once and last, also after `close()`; the tasks that were handed out and not leased since
   * are the source's again. Without an error the source ended in order.
   */
  onClose(error: SpiderError | undefined): void;
}

export interface ReadyTaskWelcome {
  readonly schedulerId: SchedulerId;
  /** Which start of storage this is. */
  readonly sessionId: SessionId;
}

/** One open stream of ready tasks. */
export interface ReadyTaskStream {
  /** There are execution managers that may run what this profile allows. No credit yet. */
  openPool(pool: PoolNumber, profile: ExecutionManagerProfile): void;
  /** There are none any more, and the pool's credit is void. */
  closePool(pool: PoolNumber): void;
  /**
   * Lets that many more tasks come for a pool; adds to what is left of earlier credit. They may come
   * before this call returns.
   */
  grantCredit(tasks: number, pool: PoolNumber): void;
  /** Gives tasks back that came for a pool which is closed. */
  giveBack(tasks: readonly ReturnedTasks[]): void;
  /** Ends the stream; `onClose` follows, within this call or later. Again: no effect. */
  close(): void;
}

/**
 * Where ready tasks come from: storage, over the network or in the same process. Each `open` is one
 * attempt; whoever opens decides when to try again. `open` itself never throws and calls no handler
 * before it has returned.
 */
export interface ReadyTaskSource {
  /** @param sharing By what to choose among ready tasks, as far as the source can. */
  open(handlers: ReadyTaskHandlers, sharing: Sharing): ReadyTaskStream;
}
