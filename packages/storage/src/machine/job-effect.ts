import type { JobState, SpiderError, TerminationTask, TimestampMs } from '@spider/core';
import type { AttemptColumns } from './job-event.ts';

/**
 * What is to be done after an event, in this order. Plain data; the buffers in it belong to the
 * receiver, the machine never touches them again.
 */
export type JobEffect =
  | PersistEffect
  | PublishedEffect
  | AnsweredEffect
  | RejectedEffect
  | ReadyEffect
  | ContextsEffect
  | RefusedEffect
  | PostponedEffect
  | RecallEffect
  | JournalEffect
  | CancelledEffect
  | RetryLaterEffect
  | QuarantinedEffect;

/**
 * Make this state change durable in one transaction, then answer with `persisted` or
 * `persist-failed`. There is never more than one under way in a job. Until then the job shows its
 * old state.
 */
export interface PersistEffect {
  readonly type: 'persist';
  readonly from: JobState;
  readonly to: JobState;
  readonly at: TimestampMs;
  /** The job's outputs as a wire frame; with CommitReady, and with Succeeded without a commit task. */
  readonly outputs: Uint8Array | undefined;
  /** Why the job fails; with Failed, and with CleanupReady if it is to fail after its cleanup. */
  readonly message: string | undefined;
  /** Why the job ends before its tasks have. */
  readonly endReason: string | undefined;
}

/** The job shows a new state: wake who waits for it. */
export interface PublishedEffect {
  readonly type: 'published';
  readonly from: JobState;
  readonly to: JobState;
  /** The time of the event that led to it. */
  readonly at: TimestampMs;
  /** As in the `persist` effect before it. */
  readonly outputs: Uint8Array | undefined;
  readonly message: string | undefined;
  readonly endReason: string | undefined;
}

/** These tasks are to be named in a `retry-due` event, each after its delay. The columns run in parallel. */
export interface RetryLaterEffect {
  readonly type: 'retry-later';
  readonly taskIndices: number[];
  readonly delaysMs: number[];
}

/** A start or cancel request has been carried out; the job is now in this state. */
export interface AnsweredEffect {
  readonly type: 'answered';
  readonly request: number;
  readonly state: JobState;
}

/** A start or cancel request has changed nothing. */
export interface RejectedEffect {
  readonly type: 'rejected';
  readonly request: number;
  readonly error: SpiderError;
}

/** The job has tasks for `takeReady`; before this event it had none. */
export interface ReadyEffect {
  readonly type: 'ready';
}

/** What the execution manager needs to run the tasks it leased. The arrays run in parallel. */
export interface ContextsEffect {
  readonly type: 'contexts';
  readonly executionManager: number;
  readonly taskIndices: number[];
  /** The instance of the i-th task is this plus i. */
  readonly firstInstance: number;
  /** The kinds of task in this effect. */
  readonly kinds: TerminationTask[];
  /** For each task the position of its kind in `kinds`. */
  readonly kindPositions: number[];
  readonly inputLengths: number[];
  /**
   * One after another: a wire frame for each regular task, the job's outputs with their option byte
   * for a commit task, the empty frame for a cleanup task.
   */
  readonly inputs: Uint8Array;
  /**
   * So many tasks at the end of the event were not looked at: the inputs of those before them fill a
   * message. They are to be asked for in an event of their own.
   */
  readonly left: number;
}

/** Leases that were not granted. The arrays run in parallel. */
export interface RefusedEffect {
  readonly type: 'refused';
  readonly executionManager: number;
  readonly taskIndices: number[];
  readonly refusals: LeaseRefusal[];
}

export const LeaseRefusal = {
  /** The job has no such task. */
  NoSuchTask: 1,
  /** The job is not in the state in which this task may run. */
  JobNotRunning: 2,
  /** Some parent of the task has not succeeded. */
  TaskPending: 3,
  /** The task has ended. */
  TaskEnded: 4,
  /** As many instances as may be are running. */
  InstanceLimit: 5,
  /** Its inputs exceed `LIMITS.taskPayloadBytes`: no instance can ever start, and the job is to fail. */
  InputsTooLarge: 6,
} as const;

export type LeaseRefusal = (typeof LeaseRefusal)[keyof typeof LeaseRefusal];

/** Leases to be asked for anew when the recall that is under way has ended. */
export interface PostponedEffect {
  readonly type: 'postponed';
  readonly executionManager: number;
  readonly taskIndices: number[];
}

/** Rows of the job's journal: those after the one, up to the other. */
export interface JournalRange {
  readonly after: number;
  readonly last: number;
}

/**
 * Read these rows of the job's journal, in order, hand what they have back by `recalled`, and then say
 * `recall-ended`, also if there are none. Each range begins and ends with whole records. There is never
 * more than one recall under way in a job.
 */
export interface RecallEffect {
  readonly type: 'recall';
  readonly recall: number;
  readonly ranges: readonly JournalRange[];
}

/** Append these finished attempts to the journal, in order. */
export interface JournalEffect {
  readonly type: 'journal';
  /** The reports among which they are. */
  readonly attempts: AttemptColumns;
  /** Their positions in the columns, ascending. */
  readonly positions: number[];
  /** For positions with a success that counts as a failure: the message of that failure. */
  readonly malformed: ReadonlyMap<number, string>;
}

/** Instances whose results are not wanted any more; to be told to their execution managers. */
export interface CancelledEffect {
  readonly type: 'cancelled';
  readonly executionManagers: number[];
  readonly taskIndices: number[];
  readonly instances: number[];
}

/**
 * The job can neither go on nor be failed, because not even that can be made durable. It keeps its
 * state, runs nothing and rejects requests until storage starts anew and reads it back.
 */
export interface QuarantinedEffect {
  readonly type: 'quarantined';
  readonly message: string;
}
