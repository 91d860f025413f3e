import {
  assert,
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  JobState,
  TaskState,
  topologicalRanks,
  type JobPolicy,
  type TaskGraph,
  type TaskIndex,
  type TerminationTask,
  type TimestampMs,
} from '@spider/core';
import type { CancelEvent, DeadlineEvent, FailEvent, StartEvent } from './job-event.ts';
import { Claims } from './claims.ts';
import type { JobOutputGathering } from './job-output-gathering.ts';
import { DEFAULT_JOB_LIMITS, type JobLimits } from './job-limits.ts';
import { LimitedKinds } from './limited-kinds.ts';
import { LiveInstances } from './live-instances.ts';
import { OutputStore } from './output-store.ts';
import type { Recall } from './recall.ts';
import { ReadyQueue } from './ready-queue.ts';
import { TaskInputs } from './task-inputs.ts';
import { TaskRecords } from './task-records.ts';

const NO_KINDS: ReadonlySet<string> = new Set();

/** A state change that is being made durable. */
export interface PendingTransition {
  readonly to: JobState;
  readonly at: TimestampMs;
  readonly outputs: Uint8Array | undefined;
  readonly message: string | undefined;
  readonly endReason: string | undefined;
  /** The start or cancel request that it answers. */
  readonly request: number | undefined;
}

/** What waits until the pending state change has been decided. */
export type DeferredEvent = StartEvent | CancelEvent | FailEvent | DeadlineEvent;

/** What the failure of a task leads to. */
export type FailureRules = Pick<JobPolicy, 'failurePolicy' | 'cleanupAfterFailure'>;

/** How the first task that failed for good did. */
export interface FirstFailure {
  readonly row: number;
  readonly message: string;
}

/**
 * All that is known of one job while it is in memory, in columns: a task is a row, and there is no
 * object for it. Rows 0 … taskCount − 1 are the regular tasks, then come the commit and the cleanup
 * task, whether the job has them or not.
 *
 * Holds data and keeps counts; the rules are in the files that handle events.
 */
export class JobControlBlock {
  /** Names the job in messages, such as `job 17`. */
  name: string;
  readonly graph: TaskGraph;
  readonly taskCount: number;
  readonly commitRow: number;
  readonly cleanupRow: number;

  /** What everyone sees. */
  state: JobState = JobState.Ready;
  pending: PendingTransition | undefined;
  readonly deferred: DeferredEvent[] = [];
  /** Why nothing moves any more, see `QuarantinedEffect`. */
  quarantine: string | undefined;

  readonly policy: FailureRules;
  readonly limits: JobLimits;
  /** Of a job that goes on after it. */
  firstFailure: FirstFailure | undefined;
  /** What the job fails with once its cleanup task has ended; undefined if it is cancelled then. */
  failureAfterCleanup: string | undefined;
  /** Whether the cleanup task has run since it was last asked. */
  hasCleanupRun = false;

  readonly taskState: Uint8Array;
  readonly unfinishedParents: Uint32Array;
  /** Kinds of tasks that are handed out apart from the others; undefined for none. */
  readonly limited: LimitedKinds | undefined;
  readonly ready: ReadyQueue;
  readonly instances: LiveInstances;
  /** Held by execution managers, of tasks that wait for reports which are held as well. */
  readonly claims = new Claims();
  /** Tasks of which execution managers held more instances after a start than there may be. */
  readonly crowded = new Set<number>();
  readonly outputs: OutputStore;
  readonly inputs: TaskInputs;
  readonly records: TaskRecords;
  /** Outputs that are being read back from the journal. */
  recall: Recall | undefined;
  nextRecall = 1;
  /** The job's outputs, while a part of them is being read back. */
  gathering: JobOutputGathering | undefined;
  /** Records of the journal so far: `replay` events, then `journal` effects. */
  recordCount = 0;
  replayedCount = 0;
  /** The job's outputs as a wire frame, from the last task's success until the commit task's. */
  jobOutputs: Uint8Array | undefined;
  /** Bytes of inputs that a task of the last lease had on average. */
  expectedInputBytes = 64;
  /** Tasks that may have a second instance because the first is slow. */
  readonly slow = new Set<number>();

  /** Tasks that failed and wait for some time before they may be tried again. */
  readonly backingOff = new Set<number>();

  /** Regular tasks by `TaskState`. */
  readonly taskCounts = new Uint32Array(7);
  failedAttemptCount = 0;
  staleReportCount = 0;
  duplicateReportCount = 0;
  #criticalPath = 0;
  /** Failures of each task so far; made when the first one happens. */
  #failures: Uint32Array | undefined;

  /** @throws SpiderError 'invalid-argument' if the inputs are not what the graph takes. */
  constructor(
    name: string,
    graph: TaskGraph,
    jobInputs: Uint8Array,
    policy: FailureRules,
    limitedKinds: ReadonlySet<string> = NO_KINDS,
    limits: JobLimits = DEFAULT_JOB_LIMITS,
  ) {
    const { taskCount } = graph;
    const rowCount = taskCount + 2;
    this.name = name;
    this.graph = graph;
    this.policy = policy;
    this.taskCount = taskCount;
    this.commitRow = taskCount;
    this.cleanupRow = taskCount + 1;
    this.outputs = new OutputStore(graph);
    this.inputs = new TaskInputs(graph, jobInputs, this.outputs);
    this.limits = limits;
    this.records = new TaskRecords(graph, limits.taskErrors);
    this.taskState = new Uint8Array(rowCount);
    this.unfinishedParents = graph.parentCount.slice();
    this.limited = LimitedKinds.of(graph, limitedKinds);
    this.ready = new ReadyQueue(rowCount, this.limited?.listOf, this.limited?.running.length);
    this.instances = new LiveInstances(rowCount);
    this.taskCounts[TaskState.Pending] = taskCount;
    for (let row = 0; row < taskCount; row++) {
      if (this.unfinishedParents[row] === 0) this.moveTask(row, TaskState.Ready);
    }
  }

  /** Tasks on the longest path through the graph; computed when first asked for. */
  get criticalPath(): number {
    if (this.#criticalPath === 0) this.#criticalPath = 1 + longestRank(this.graph);
    return this.#criticalPath;
  }

  /** The row of a task as named on the wire; −1 if the job has no such task. */
  rowOf(taskIndex: TaskIndex): number {
    if (taskIndex < this.taskCount) return taskIndex;
    if (taskIndex === COMMIT_TASK_INDEX && this.graph.commitTask !== undefined) {
      return this.commitRow;
    }
    if (taskIndex === CLEANUP_TASK_INDEX && this.graph.cleanupTask !== undefined) {
      return this.cleanupRow;
    }
    return -1;
  }

  indexOf(row: number): TaskIndex {
    if (row < this.taskCount) return row;
    return row === this.commitRow ? COMMIT_TASK_INDEX : CLEANUP_TASK_INDEX;
  }

  /** Function and policy of a task that exists. */
  kindOf(row: number): TerminationTask {
    if (row < this.taskCount) {
      return this.graph.kinds[this.graph.taskKind[row] as number] as TerminationTask;
    }
    const kind = row === this.commitRow ? this.graph.commitTask : this.graph.cleanupTask;
    assert(kind !== undefined, 'row of a termination task that the graph lacks');
    return kind;
  }

  /** Tasks can be leased and reported: the job is under way, and nothing is about to change that. */
  get isRunning(): boolean {
    return (
      this.pending === undefined &&
      this.quarantine === undefined &&
      (this.state === JobState.Running ||
        this.state === JobState.CommitReady ||
        this.state === JobState.CleanupReady)
    );
  }

  /** How many tasks `takeReady` can give away now. */
  get readyCount(): number {
    return this.isRunning ? this.ready.queuedCount : 0;
  }

  moveTask(row: number, to: TaskState): void {
    const from = this.taskState[row] as TaskState;
    this.taskState[row] = to;
    if (row >= this.taskCount) return;
    this.taskCounts[from] = (this.taskCounts[from] as number) - 1;
    this.taskCounts[to] = (this.taskCounts[to] as number) + 1;
    if (this.limited === undefined || from === to) return;
    if (from === TaskState.Running) this.limited.moved(row, -1);
    if (to === TaskState.Running) this.limited.moved(row, 1);
  }

  /** Instances of a task that may be live at the same time. */
  instanceLimit(row: number): number {
    return Math.max(this.kindOf(row).policy.maxInstances, this.slow.has(row) ? 2 : 1);
  }

  failures(row: number): number {
    return this.#failures?.[row] ?? 0;
  }

  /** Who runs the oldest instance of a task; 0 for nobody. */
  runsOn(row: number): number {
    let runsOn = 0;
    this.instances.visit(row, (_, executionManager) => {
      if (runsOn === 0) runsOn = executionManager;
    });
    return runsOn;
  }

  /** Counts a failure. Answers whether the task may be tried again. */
  countFailure(row: number): boolean {
    this.#failures ??= new Uint32Array(this.taskState.length);
    const failures = this.failures(row) + 1;
    this.#failures[row] = failures;
    return failures <= this.kindOf(row).policy.maxRetries;
  }
}

function longestRank(graph: TaskGraph): number {
  let longest = 0;
  for (const rank of topologicalRanks(graph)) if (rank > longest) longest = rank;
  return longest;
}
