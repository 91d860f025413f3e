import type { JobState, TimestampMs } from '@spider/core';

/**
 * Everything that can happen to a job. An event carries the time and the identities it needs, so
 * that the machine is a function of its events alone.
 *
 * Execution managers and task instances are plain numbers here (safe integers from 1). Tasks are
 * named as on the wire: by index, COMMIT_TASK_INDEX or CLEANUP_TASK_INDEX. What an execution manager
 * sent may name tasks and instances that do not exist; columns of one event always run in parallel,
 * and whoever builds the event checks that.
 */
export type JobEvent =
  | StartEvent
  | CancelEvent
  | FailEvent
  | DeadlineEvent
  | CleanupOverdueEvent
  | LeaseEvent
  | ReportEvent
  | SoftTimeoutEvent
  | RetryDueEvent
  | HandOutsLostEvent
  | ExecutionManagerLostEvent
  | ReconcileEvent
  | ClaimsOverEvent
  | ReplayEvent
  | JournaledEvent
  | SpillEvent
  | RecalledEvent
  | RecallEndedEvent
  | PersistedEvent
  | PersistFailedEvent;

/** Someone asks for the job to start. */
export interface StartEvent {
  readonly type: 'start';
  /** Comes back in the one `answered` or `rejected` effect that this request leads to. */
  readonly request: number;
  readonly at: TimestampMs;
}

/** Someone asks for the job to be cancelled. */
export interface CancelEvent {
  readonly type: 'cancel';
  /** Comes back in the one `answered` or `rejected` effect that this request leads to. */
  readonly request: number;
  readonly at: TimestampMs;
  /** Why, for people to read. */
  readonly reason?: string | undefined;
  /** The job ends without its cleanup task, or without waiting for its end. Default: false. */
  readonly skipCleanup?: boolean | undefined;
}

/**
 * The job fails for a reason that lies outside its tasks, such as a broken invariant. Does nothing to
 * a job that has ended.
 */
export interface FailEvent {
  readonly type: 'fail';
  readonly message: string;
  readonly at: TimestampMs;
}

/** The job's time is over. Does nothing to a job that has ended, or is being cleaned up. */
export interface DeadlineEvent {
  readonly type: 'deadline';
  /** What the job ends with. */
  readonly message: string;
  readonly at: TimestampMs;
}

/**
 * The cleanup task has had its time to begin. If nobody has run it since the last event of this kind, it
 * is given up.
 */
export interface CleanupOverdueEvent {
  readonly type: 'cleanup-overdue';
  /** Why it is given up. */
  readonly message: string;
  readonly at: TimestampMs;
}

/** An execution manager asks for instances of tasks that it was assigned. */
export interface LeaseEvent {
  readonly type: 'lease';
  readonly executionManager: number;
  readonly taskIndices: ArrayLike<number>;
  /**
   * The leases that are granted get consecutive numbers from here; the caller sets aside as many as
   * there are tasks, and goes on after as many as the `contexts` effect has.
   * Those that the effect has left are to be asked for anew.
   */
  readonly firstInstance: number;
}

/** Attempts as they arrive from an execution manager, and as they go to the journal. */
export interface AttemptColumns {
  readonly executionManager: number;
  readonly taskIndices: ArrayLike<number>;
  /** An attempt's instance is the base plus its offset. */
  readonly instanceBase: number;
  readonly instanceOffsets: ArrayLike<number>;
  /** `TaskOutcome` numbers. */
  readonly outcomes: ArrayLike<number>;
  /** The payloads follow one another in `payloads`. */
  readonly payloadLengths: ArrayLike<number>;
  /** Must not be changed by anyone afterwards: effects refer to it. */
  readonly payloads: Uint8Array;
  /** An attempt started at the base plus its offset, in milliseconds since the epoch. */
  readonly startedBaseMs: number;
  readonly startedOffsetsMs: ArrayLike<number>;
  readonly elapsedUs: ArrayLike<number>;
}

/** An execution manager says how attempts ended. */
export interface ReportEvent extends AttemptColumns {
  readonly type: 'report';
  readonly at: TimestampMs;
  /** If given, the machine writes what it made of each report here. */
  readonly verdicts?: Uint8Array;
}

/** What a report was good for; see `ReportEvent.verdicts`. */
export const ReportVerdict = {
  /** It counted. */
  Accepted: 1,
  /** It had counted before, and changes nothing. */
  Duplicate: 2,
  /** The instance is not wanted, or never was; it changes nothing. */
  Stale: 3,
  /** A success whose payload is not what the task declares; it counted as a failure. */
  Malformed: 4,
} as const;

export type ReportVerdict = (typeof ReportVerdict)[keyof typeof ReportVerdict];

/** The soft timeout of instances has passed. Instances that have ended since are left alone. */
export interface SoftTimeoutEvent {
  readonly type: 'soft-timeout';
  readonly taskIndices: ArrayLike<number>;
  readonly instances: ArrayLike<number>;
}

/** Tasks that failed may be tried again; see `RetryLaterEffect`. */
export interface RetryDueEvent {
  readonly type: 'retry-due';
  readonly taskIndices: ArrayLike<number>;
}

/** Tasks that `takeReady` gave away, and nobody leased, did not reach their receiver. */
export interface HandOutsLostEvent {
  readonly type: 'hand-outs-lost';
  /** Which ones; undefined means all of the job. */
  readonly taskIndices: ArrayLike<number> | undefined;
}

/** An execution manager is gone; what it held runs elsewhere. */
export interface ExecutionManagerLostEvent {
  readonly type: 'execution-manager-lost';
  readonly executionManager: number;
}

/**
 * An execution manager has connected anew and lists all that it holds of this job. Its other
 * instances run elsewhere; listed ones that the job does not know are adopted if their task can take
 * one, or claimed if it was read back and its parents are not all reported yet, else cancelled.
 */
export interface ReconcileEvent {
  readonly type: 'reconcile';
  readonly executionManager: number;
  readonly taskIndices: ArrayLike<number>;
  readonly instances: ArrayLike<number>;
}

/** Of a job that was read back: who still held something of it has said so. */
export interface ClaimsOverEvent {
  readonly type: 'claims-over';
}

/**
 * Attempts read back from the journal, in its order, before anything of the job is handed out; of a job
 * that has not started, successes alone.
 * Answered by no `journal` effect; everything else is as if they were reported.
 */
export interface ReplayEvent extends AttemptColumns {
  readonly type: 'replay';
  readonly at: TimestampMs;
}

/**
 * The attempts of the first so many `journal` effects, and all that were replayed, are durable in rows of
 * the journal up to this one, which ends with a whole record. Not said of a job without a journal.
 */
export interface JournaledEvent {
  readonly type: 'journaled';
  readonly effects: number;
  readonly row: number;
}

/** Outputs that are durable in the journal are to leave memory, if possible so many bytes. */
export interface SpillEvent {
  readonly type: 'spill';
  readonly bytes: number;
}

/** Attempts from the rows that a `recall` effect asked for. Those of another recall change nothing. */
export interface RecalledEvent extends AttemptColumns {
  readonly type: 'recalled';
  readonly recall: number;
}

/** All rows that a `recall` effect asked for have been handed back. */
export interface RecallEndedEvent {
  readonly type: 'recall-ended';
  readonly recall: number;
  readonly at: TimestampMs;
}

/** The state change that the last `persist` effect asked for is durable. */
export interface PersistedEvent {
  readonly type: 'persisted';
  readonly to: JobState;
}

/**
 * The state change that the last `persist` effect asked for cannot be made durable. Transient errors
 * are retried by whoever runs the effects; this one is definite.
 */
export interface PersistFailedEvent {
  readonly type: 'persist-failed';
  readonly to: JobState;
  readonly message: string;
  readonly at: TimestampMs;
}
