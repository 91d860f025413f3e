import type { JobSpec } from './job-spec.ts';
import type { Scenario } from './scenario.ts';
import type { RunningTask, TaskEnd } from './sim-executors.ts';

/** A job as its user sees it. */
export interface SeenJob {
  readonly jobId: number;
  readonly spec: JobSpec;
}

/** An attempt that has been written to the journal. */
export interface JournaledAttempt {
  readonly jobId: number;
  readonly taskIndex: number;
  readonly hasSucceeded: boolean;
}

/** What can be seen of a world from outside. Times are those of the world, in milliseconds. */
export interface Observer {
  /** A user has learned the id of a job, for the first time. */
  jobSubmitted?(job: SeenJob, nowMs: number): void;
  /** Storage has told the user that a cancellation is done. */
  cancelAnswered?(jobId: number, nowMs: number): void;
  /** Storage has told a user how far a job is. */
  progressSeen?(jobId: number, flushedTasks: number): void;
  /** A user has seen the end of a job. */
  jobEnded?(job: EndedJob): void;
  /** Storage sends instances to an execution manager. */
  contextsIssued?(jobId: number, taskIndexes: readonly number[], nowMs: number): void;
  /** An executor begins with a task. */
  taskStarted?(task: RunningTask): void;
  taskEnded?(task: RunningTask, end: TaskEnd | 'killed', nowMs: number): void;
  /** A transaction with this attempt is committed. */
  journaled?(attempt: JournaledAttempt, nowMs: number): void;
  /** Some storage has written something. */
  written?(session: bigint, newestSession: bigint): void;
}

export interface EndedJob extends SeenJob {
  readonly state: number;
  readonly succeededTasks: number;
  readonly errorMessage: string;
  /** Of a job that has succeeded. */
  readonly outputs: readonly Uint8Array[] | undefined;
}

/** Told of each promise that was broken. */
export type ReportViolation = (message: string) => void;

/** One promise, and what watches over it. */
export interface Checker {
  readonly name: string;
  /** The promise in words. */
  readonly promise: string;
  readonly watch: (violated: ReportViolation, scenario: Scenario) => Observer;
}
