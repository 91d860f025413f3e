import {
  assert,
  DEFAULT_JOB_POLICY,
  invalidArgument,
  isFinalJobState,
  JobState,
  TaskState,
  type TaskGraph,
  type TaskIndex,
  type TerminationTask,
} from '@spider/core';
import { endBackOff } from './attempt.ts';
import { JobControlBlock, type FailureRules } from './job-control-block.ts';
import type { JobEffect } from './job-effect.ts';
import type { HandOutsLostEvent, JobEvent } from './job-event.ts';
import { applyLeases } from './lease.ts';
import type { JobLimits } from './job-limits.ts';
import type { LimitedKinds } from './limited-kinds.ts';
import { applySoftTimeouts, endClaims, loseExecutionManager, reconcile } from './liveness.ts';
import { applyRecalled, spill } from './recalling.ts';
import { applyReplay } from './replay.ts';
import { applyReports } from './report.ts';
import { handleDeferred, handleRequest } from './request.ts';
import { listTasks, summarizeKinds } from './task-view.ts';
import type { KindSummaries, TaskPage } from './task-view.ts';
import {
  abandonTransition,
  endRecall,
  enterState,
  giveUpCleanup,
  publishTransition,
} from './transition.ts';
import { validateState } from './validate-state.ts';
import { whereaboutsOf } from './whereabouts.ts';
import type { Whereabouts } from './whereabouts.ts';

export interface JobMachineOptions {
  /** Names the job in messages, such as `job 17`. */
  readonly name: string;
  readonly graph: TaskGraph;
  /** The job's inputs as a wire frame. Kept, not copied. */
  readonly inputs: Uint8Array;
  /** The state of a job that is read back; by default Ready. */
  readonly state?: JobState;
  /** The job's outputs as a wire frame, of a job that is read back in CommitReady. */
  readonly outputs?: Uint8Array;
  /** What a job fails with after its cleanup, of one that is read back in CleanupReady. */
  readonly failure?: string;
  /** By default that of DEFAULT_JOB_POLICY. */
  readonly policy?: FailureRules;
  /** Kinds of tasks of which only so many may be out at a time, as package/function. None by default. */
  readonly limitedKinds?: ReadonlySet<string>;
  /** By default DEFAULT_JOB_LIMITS. */
  readonly limits?: JobLimits;
}

/** How far a job is. Counts of regular tasks, except for the attempts. */
export interface JobProgress {
  readonly totalTasks: number;
  readonly readyTasks: number;
  readonly runningTasks: number;
  readonly succeededTasks: number;
  readonly failedTasks: number;
  readonly skippedTasks: number;
  /** Attempts that failed so far, retried ones included; of termination tasks too. */
  readonly failedAttempts: number;
}

/**
 * Decides everything about one job. Events go in, effects come out; it does no I/O, and knows no
 * time and no identity but those in its events.
 *
 * A change of the job's state is asked for by a `persist` effect and shown only after `persisted`;
 * from the one to the other nothing is leased or handed out, reports are stale, and requests wait.
 * The end of a task takes effect at once and is written to the journal behind it, parents before
 * their children.
 */
export class JobMachine {
  readonly #job: JobControlBlock;

  /** @throws SpiderError 'invalid-argument' if inputs, graph, state and outputs do not go together. */
  constructor(options: JobMachineOptions) {
    const { name, graph, inputs, policy = DEFAULT_JOB_POLICY, state = JobState.Ready } = options;
    const { limitedKinds, limits } = options;
    this.#job = new JobControlBlock(name, graph, inputs, policy, limitedKinds, limits);
    this.#job.state = state;
    if (state === JobState.Ready) return;
    restore(this.#job, options);
  }

  /** Gives the job another name in messages: its own is known when it is durable. */
  rename(name: string): void {
    this.#job.name = name;
  }

  /** What everyone may know to be the job's state: it is durable. */
  get state(): JobState {
    return this.#job.state;
  }

  /** How many regular tasks it has. */
  get taskCount(): number {
    return this.#job.taskCount;
  }

  /** The state that is being made durable. */
  get pendingState(): JobState | undefined {
    return this.#job.pending?.to;
  }

  /** Why nothing moves any more; see `QuarantinedEffect`. */
  get quarantine(): string | undefined {
    return this.#job.quarantine;
  }

  /** How many tasks `takeReady` can give away now. */
  get readyCount(): number {
    return this.#job.readyCount;
  }

  get hasReady(): boolean {
    return this.#job.readyCount > 0;
  }

  /** Tasks that `takeReady` gave away and nobody has leased yet. */
  get handedOutCount(): number {
    return this.#job.ready.handedOutCount;
  }

  /** Tasks that are handed out, and regular ones that run: what counts against limits. */
  get outCount(): number {
    return this.#job.ready.handedOutCount + (this.#job.taskCounts[TaskState.Running] as number);
  }

  /** The same for each limited kind that the job has tasks of. */
  visitLimitedKinds(visit: (kind: string, out: number) => void): void {
    const { limited, ready } = this.#job;
    limited?.names.forEach((name, at) => {
      visit(name, ready.handedOutOf(at + 1) + (limited.running[at + 1] as number));
    });
  }

  get liveInstanceCount(): number {
    return this.#job.instances.liveCount;
  }

  /** Whether reports may have to wait for others, see `mustWait`. */
  get hasClaims(): boolean {
    return this.#job.claims.size > 0;
  }

  /** Whether the report of an instance has to wait: reports of its task's parents are on their way. */
  mustWait(taskIndex: TaskIndex, instance: number): boolean {
    const row = this.#job.rowOf(taskIndex);
    return row !== -1 && this.#job.claims.get(row)?.instance === instance;
  }

  get staleReportCount(): number {
    return this.#job.staleReportCount;
  }

  get duplicateReportCount(): number {
    return this.#job.duplicateReportCount;
  }

  /** Bytes of memory that the outputs of finished tasks take. */
  get payloadBytes(): number {
    return this.#job.outputs.totalBytes;
  }

  /** Tasks on the longest path through the graph. */
  get criticalPath(): number {
    return this.#job.criticalPath;
  }

  /** Whether a recall, by its number, is still waited for. */
  isRecalling(recall: number): boolean {
    return this.#job.recall?.number === recall;
  }

  progress(): JobProgress {
    const { taskCount, taskCounts, failedAttemptCount } = this.#job;
    return {
      totalTasks: taskCount,
      readyTasks: taskCounts[TaskState.Ready] as number,
      runningTasks: taskCounts[TaskState.Running] as number,
      succeededTasks: taskCounts[TaskState.Succeeded] as number,
      failedTasks: taskCounts[TaskState.Failed] as number,
      skippedTasks: taskCounts[TaskState.Skipped] as number,
      failedAttempts: failedAttemptCount,
    };
  }

  /** Regular tasks by function. */
  kinds(): KindSummaries {
    return summarizeKinds(this.#job);
  }

  /**
   * Tasks in one of these states, commit and cleanup task last.
   *
   * @param states none stands for all.
   * @param firstRow 0, or where the page before says to go on.
   */
  tasks(states: readonly TaskState[], firstRow: number, limit: number): TaskPage {
    return listTasks(this.#job, states, firstRow, limit);
  }

  /** Undefined if the job has no such task. */
  taskState(taskIndex: TaskIndex): TaskState | undefined {
    const row = this.#job.rowOf(taskIndex);
    return row === -1 ? undefined : (this.#job.taskState[row] as TaskState);
  }

  /** Where a task was run, and where it is. Undefined if the job has no such task. */
  whereabouts(taskIndex: TaskIndex): Whereabouts | undefined {
    return whereaboutsOf(this.#job, taskIndex);
  }

  /** Whether an instance is out, and known to be. */
  isLive(taskIndex: TaskIndex, instance: number): boolean {
    const row = this.#job.rowOf(taskIndex);
    return row !== -1 && this.#job.instances.isLive(row, instance);
  }

  /** Function and policy of a task; undefined if the job has no such task. */
  taskKind(taskIndex: TaskIndex): TerminationTask | undefined {
    const row = this.#job.rowOf(taskIndex);
    return row === -1 ? undefined : this.#job.kindOf(row);
  }

  /**
   * Gives tasks away to be leased by whoever gets them, in the order in which they became ready.
   *
   * @param limit how many at most.
   * @param into their indices are added to it.
   * @param roomOf how many of a limited kind at most; by default any number.
   * @returns how many.
   */
  takeReady(limit: number, into: number[], roomOf?: (kind: string) => number): number {
    if (this.#job.limited !== undefined) {
      return takeApart(this.#job, this.#job.limited, limit, into, roomOf);
    }
    const count = Math.min(limit, this.#job.readyCount);
    for (let i = 0; i < count; i++) into.push(this.#job.indexOf(this.#job.ready.handOut()));
    return count;
  }

  /**
   * The one way in.
   *
   * @param effects what is to be done is added to it, in order.
   * @throws InvariantError if the job contradicts itself; the machine is not to be used any further.
   */
  handle(event: JobEvent, effects: JobEffect[] = []): JobEffect[] {
    const hadReady = this.hasReady;
    this.#apply(event, effects);
    if (!hadReady && this.hasReady) effects.push({ type: 'ready' });
    return effects;
  }

  /** Checks every invariant of the machine; for tests and the simulator. @throws InvariantError */
  validateState(): void {
    validateState(this.#job);
  }

  #apply(event: JobEvent, effects: JobEffect[]): void {
    const job = this.#job;
    switch (event.type) {
      case 'lease':
        return applyLeases(job, event, effects);
      case 'report':
        return applyReports(job, event, effects);
      case 'start':
      case 'cancel':
      case 'fail':
      case 'deadline':
        return handleRequest(job, event, effects);
      case 'cleanup-overdue':
        return giveUpCleanup(job, event, effects);
      case 'soft-timeout':
        return applySoftTimeouts(job, event);
      case 'retry-due':
        return endBackOff(job, event);
      case 'hand-outs-lost':
        return takeBack(job, event);
      case 'execution-manager-lost':
        return loseExecutionManager(job, event);
      case 'reconcile':
        return reconcile(job, event, effects);
      case 'claims-over':
        return endClaims(job, effects);
      case 'replay':
        return applyReplay(job, event, effects);
      case 'journaled':
        return job.outputs.journaled(job.replayedCount + event.effects, event.row);
      case 'spill':
        return spill(job, event.bytes);
      case 'recalled':
        return applyRecalled(job, event);
      case 'recall-ended':
        return endRecall(job, event, effects);
      case 'persisted':
        publishTransition(job, event, effects);
        return handleDeferred(job, effects);
      case 'persist-failed':
        abandonTransition(job, event, effects);
        return handleDeferred(job, effects);
      default:
        event satisfies never;
    }
  }
}

/** Tasks without limit first, then of each limited kind as many as there is room for. */
function takeApart(
  job: JobControlBlock,
  { names }: LimitedKinds,
  limit: number,
  into: number[],
  roomOf: (kind: string) => number = () => Infinity,
): number {
  let left = Math.min(limit, job.readyCount);
  const before = into.length;
  for (let list = 0; list <= names.length && left > 0; list++) {
    const room = list === 0 ? Infinity : Math.max(0, roomOf(names[list - 1] as string));
    const count = Math.min(left, job.ready.queuedIn(list), room);
    for (let at = 0; at < count; at++) into.push(job.indexOf(job.ready.handOut(list)));
    left -= count;
  }
  return into.length - before;
}

function takeBack(job: JobControlBlock, event: HandOutsLostEvent): void {
  if (event.taskIndices === undefined) return job.ready.takeAllBack();
  for (let i = event.taskIndices.length - 1; i >= 0; i--) {
    const row = job.rowOf(event.taskIndices[i] as number);
    if (row !== -1) job.ready.takeBack(row);
  }
}

/** Brings a job into the state in which it was read back; nothing of it runs yet. */
function restore(job: JobControlBlock, { outputs, failure }: JobMachineOptions): void {
  const { graph, state, name } = job;
  if (isFinalJobState(state)) throw invalidArgument(`${name} has ended, it cannot be read back`);
  if (state === JobState.CommitReady) {
    if (graph.commitTask === undefined)
      throw invalidArgument(`${name} commits without commit task`);
    if (outputs === undefined) throw invalidArgument(`${name} commits without outputs`);
    job.jobOutputs = outputs;
    for (let row = 0; row < job.taskCount; row++) job.moveTask(row, TaskState.Succeeded);
  }
  if (state === JobState.CleanupReady && graph.cleanupTask === undefined) {
    throw invalidArgument(`${name} cleans up without cleanup task`);
  }
  if (state === JobState.CleanupReady) job.failureAfterCleanup = failure;
  if (state === JobState.Running) job.claims.open();
  const effects: JobEffect[] = [];
  enterState(job, effects);
  assert(effects.length === 0, `${name}: effects of a job that was read back`);
}
