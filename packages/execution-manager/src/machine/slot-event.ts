import type { ExecutorOutcome } from '@spider/core';
import type { InstanceList, InstanceLot } from './instance-lot.ts';
import type { PayloadRanges } from './payload-ranges.ts';

/** How an executor process ended. */
export interface ProcessExit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** Why it ended, if that is known better: it could not be started, or had too much memory. */
  readonly error?: string;
}

/** Answers of one executor process, oldest first. All arrays run in parallel. */
export interface ResponseBatch {
  readonly count: number;
  readonly outcomes: readonly ExecutorOutcome[];
  readonly elapsedUs: readonly number[];
  readonly payloads: PayloadRanges;
}

/**
 * What the slot machine is told. `nowUs` is the time on a clock that never goes back, in
 * microseconds. An executor process is named by its slot and by a number that no other one has, so
 * that what an earlier process of the slot still had to say is recognised.
 */
export type SlotEvent =
  /** Let the executors start. Comes first, once. */
  | { readonly type: 'start'; readonly nowUs: number }
  /**
   * An executor process is up and answers. With extensions it can be asked to cancel requests and to
   * give them back.
   */
  | ({ readonly type: 'executor-started'; readonly hasExtensions?: boolean } & FromProcess)
  /** Some requests were answered, in the order in which they were made. */
  | ({ readonly type: 'responses'; readonly responses: ResponseBatch } & FromProcess)
  /** The last so many of the requests that were asked back were not begun and will not be. */
  | ({ readonly type: 'given-back'; readonly count: number } & FromProcess)
  /** An executor process said something that makes no sense; nothing else it says is heard. */
  | ({ readonly type: 'executor-broken'; readonly reason: string } & FromProcess)
  /** An executor process has more memory than it should keep; it is replaced when its pipe is empty. */
  | ({ readonly type: 'executor-grown' } & FromProcess)
  /** An executor process is gone, and all that it answered before has been handed in. */
  | ({ readonly type: 'executor-exited'; readonly exit: ProcessExit } & FromProcess)
  /** The scheduler assigned `count` tasks; leases are asked for for so many of them. */
  | {
      readonly type: 'assigned';
      readonly nowUs: number;
      readonly count: number;
      readonly leases: number;
    }
  /**
   * Instances were issued, in answer to so many of the leases that were asked for. `roundTripUs` is
   * the time since then, if it is known.
   */
  | {
      readonly type: 'leased';
      readonly nowUs: number;
      readonly lot: InstanceLot;
      readonly answered: number;
      readonly roundTripUs: number | undefined;
    }
  /** So many requested leases were refused, or given up. */
  | { readonly type: 'refused'; readonly nowUs: number; readonly count: number }
  /** The credit given so far is void. */
  | { readonly type: 'credit-void'; readonly nowUs: number }
  /** Results of these instances are not wanted any more. */
  | {
      readonly type: 'cancel';
      readonly nowUs: number;
      readonly jobId: bigint;
      readonly instanceBase: bigint;
      readonly instanceOffsets: readonly number[];
    }
  /** Whether more reports than is good wait for storage to take them. */
  | { readonly type: 'backlog'; readonly nowUs: number; readonly full: boolean }
  /** Storage knows nothing of us any more: all that is held is worthless. */
  | { readonly type: 'disown'; readonly nowUs: number }
  /** Take nothing more, finish what runs. */
  | { readonly type: 'drain'; readonly nowUs: number }
  /** The time that `wakeUpAtUs` named has come. */
  | { readonly type: 'wake-up'; readonly nowUs: number };

interface FromProcess {
  readonly nowUs: number;
  readonly slot: number;
  readonly process: number;
}

/** What the slot machine wants done, in this order. */
export type SlotEffect =
  | { readonly type: 'spawn'; readonly slot: number; readonly process: number }
  /** Ends a process and all that it has started, at once. */
  | { readonly type: 'kill'; readonly slot: number; readonly process: number }
  /** Lets a process that has nothing to run end by itself. */
  | { readonly type: 'retire'; readonly slot: number; readonly process: number }
  | {
      readonly type: 'execute';
      readonly slot: number;
      readonly process: number;
      readonly instances: InstanceList;
    }
  /**
   * Results of these requests are not wanted; they count from 0 for each process, those that were
   * given back not counted.
   */
  | {
      readonly type: 'cancel-requests';
      readonly slot: number;
      readonly process: number;
      readonly requests: readonly number[];
    }
  /** Asks for the requests that were not begun; nothing more is sent until they have come. */
  | { readonly type: 'ask-back'; readonly slot: number; readonly process: number }
  /** Instance i gave answer i; those whose lot is undefined are not wanted any more. */
  | {
      readonly type: 'report';
      readonly responses: ResponseBatch;
      readonly lots: readonly (InstanceLot | undefined)[];
      readonly positions: readonly number[];
    }
  /** An instance failed without an answer. It may be tried again. */
  | {
      readonly type: 'report-failure';
      readonly lot: InstanceLot;
      readonly position: number;
      readonly message: string;
      readonly elapsedUs: number;
    }
  /** Instances that were never run go back to storage. */
  | { readonly type: 'release'; readonly instances: InstanceList }
  /** So many more tasks are wanted of the scheduler. */
  | { readonly type: 'grant'; readonly credit: number }
  /** The scheduler is to forget what credit it has left. */
  | { readonly type: 'withdraw-credit' }
  /** An executor process ended before it had answered anything; the next one is tried later. */
  | {
      readonly type: 'start-failed';
      readonly slot: number;
      readonly exit: ProcessExit;
      readonly retryInUs: number;
    }
  /** An executor process ended, though nobody asked it to. */
  | { readonly type: 'crashed'; readonly slot: number; readonly exit: ProcessExit }
  /** Comes once, after `drain`: nothing is held and nothing is to come. */
  | { readonly type: 'drained' };

export function describeExit(exit: ProcessExit): string {
  if (exit.error !== undefined) return exit.error;
  if (exit.signal !== undefined) return `signal ${exit.signal}`;
  return exit.code === undefined ? 'exit code unknown' : `exit code ${exit.code}`;
}
