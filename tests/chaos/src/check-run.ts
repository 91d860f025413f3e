import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  isFinalJobState,
  JobState,
  type TaskGraph,
} from '@spider/core';
import type { FlushedState } from './database.ts';
import type { Execution } from './execution-record.ts';
import type { JobResult } from './traffic.ts';
import type { Disturbance } from './blows/blow.ts';

/** Storage reserves its instance ids in blocks, at each start a new one. */
const INSTANCES_PER_BLOCK = 2 ** 32;

/** How long an answer may be on its way from an executor to its manager. */
const ANSWER_MS = 1_000;

/** How long after a stop a manager may still pay for it: it was lost, and what it held runs elsewhere. */
const AFTER_STOP_MS = 5_000;

export interface RunRecord {
  readonly results: readonly JobResult[];
  readonly executions: readonly Execution[];
  readonly flushed: readonly FlushedState[];
  readonly disturbances: readonly Disturbance[];
}

/** What is wrong with a run, counted by promise, and in words. */
export interface Findings {
  /** Ran again after something had gone on from their success. */
  acknowledgedRerun: number;
  /** Ran again by a later storage after the journal had their success. */
  flushedRerun: number;
  /** Ran again after they had succeeded at an execution manager that lived on. */
  heldRerun: number;
  /** Jobs, and tasks of succeeded jobs, that are not there. */
  lost: number;
  wrongOutputs: number;
  jobsNotTerminal: number;
  /** Ended otherwise than they should, or ran what excludes each other, or too early. */
  otherProblems: number;
  readonly details: string[];
}

type Counter = Exclude<keyof Findings, 'details'>;

/** Compares what ran with what was promised. */
export function checkRun(run: RunRecord): Findings {
  const checker = new RunChecker(run);
  for (const result of run.results) checker.checkJob(result);
  return checker.findings;
}

/** By task: how its parents ran, of those that ran more than once. */
function runsOfParents(
  graph: TaskGraph,
  byTask: ReadonlyMap<number, readonly Execution[]>,
): ReadonlyMap<number, readonly Execution[]> {
  const runs = new Map<number, Execution[]>();
  for (const [task, executions] of byTask) {
    if (executions.length < 2 || task >= graph.taskCount) continue;
    for (let at = graph.childOffset[task] ?? 0; at < (graph.childOffset[task + 1] ?? 0); at++) {
      const child = graph.child[at] ?? 0;
      const known = runs.get(child);
      if (known === undefined) runs.set(child, [...executions]);
      else known.push(...executions);
    }
  }
  return runs;
}

class RunChecker {
  readonly findings: Findings = {
    acknowledgedRerun: 0,
    flushedRerun: 0,
    heldRerun: 0,
    lost: 0,
    wrongOutputs: 0,
    jobsNotTerminal: 0,
    otherProblems: 0,
    details: [],
  };
  readonly #flushed: readonly FlushedState[];
  readonly #byJob: ReadonlyMap<string, readonly Execution[]>;
  readonly #disturbances: ReadonlyMap<number, readonly Disturbance[]>;

  constructor({ executions, flushed, disturbances }: RunRecord) {
    this.#flushed = flushed;
    this.#byJob = Map.groupBy(executions, ({ jobId }) => jobId);
    this.#disturbances = Map.groupBy(disturbances, ({ pid }) => pid);
  }

  checkJob(result: JobResult): void {
    const { job, jobId, state, wrongOutputs, problem } = result;
    const name = `job ${jobId} (number ${job.number}, ${job.shape}, ${job.graph.taskCount} tasks)`;
    if (wrongOutputs !== undefined) this.#find('wrongOutputs', `${name}: ${wrongOutputs}`);
    if (problem !== undefined) {
      this.#find(
        problem.includes('is not known') ? 'lost' : 'otherProblems',
        `${name}: ${problem}`,
      );
    }
    if (jobId === undefined) return;
    if (state === undefined || !isFinalJobState(state)) {
      this.#find('jobsNotTerminal', `${name}: has not ended`);
    }
    const byTask = Map.groupBy(this.#byJob.get(jobId) ?? [], ({ task }) => task);
    const redone = runsOfParents(job.graph, byTask);
    for (const [task, executions] of byTask) {
      this.#checkHeld(`${name}, task ${task}`, executions, redone.get(task) ?? []);
      this.#checkFlushed(`${name}, task ${task}`, jobId, task, executions);
    }
    if (state === JobState.Succeeded) this.#checkComplete(name, job.graph, byTask);
    this.#checkTermination(name, result, byTask);
    this.#checkOrder(name, job.graph, byTask);
  }

  /**
   * After a success at a manager and an executor that nothing happened to there is no other one; unless a
   * parent ran again meanwhile, since whoever had its outputs died: what follows has to go on from the
   * new ones.
   */
  #checkHeld(
    name: string,
    executions: readonly Execution[],
    ofParents: readonly Execution[],
  ): void {
    for (const first of executions) {
      if (!first.succeeded) continue;
      for (const again of executions) {
        if (again.instance <= first.instance || again.startMs < first.endMs) continue;
        if (this.#isDisturbed(first, again.startMs)) continue;
        const isOutdated = ofParents.some(
          ({ startMs }) => startMs > first.startMs && startMs < again.startMs,
        );
        if (isOutdated) continue;
        this.#find(
          'heldRerun',
          `${name}: succeeded in ${show(first)}, ran again in ${show(again)}`,
        );
      }
    }
  }

  #isDisturbed(first: Execution, untilMs: number): boolean {
    const ofManager = this.#disturbances.get(first.managerPid) ?? [];
    const ofExecutor = this.#disturbances.get(first.executorPid) ?? [];
    return (
      first.managerPid === 1 ||
      ofManager.some(
        (one) => one.atMs <= untilMs && one.untilMs + AFTER_STOP_MS >= first.startMs,
      ) ||
      ofExecutor.some((one) => one.atMs >= first.startMs && one.atMs <= first.endMs + ANSWER_MS)
    );
  }

  #checkFlushed(name: string, jobId: string, task: number, executions: readonly Execution[]): void {
    for (const again of executions) {
      const block = Math.floor(again.instance / INSTANCES_PER_BLOCK);
      const earlier = this.#flushed.find(
        (state) => state.block < block && hasSucceeded(state, jobId, task),
      );
      if (earlier === undefined) continue;
      const first = `was journaled by the storage of block ${earlier.block}`;
      this.#find('flushedRerun', `${name}: ${first}, ran again in ${show(again)}`);
    }
  }

  #checkComplete(
    name: string,
    { taskCount, commitTask }: TaskGraph,
    byTask: ReadonlyMap<number, readonly Execution[]>,
  ): void {
    const mustRun = (task: number): void => {
      if (byTask.get(task)?.some(({ succeeded }) => succeeded)) return;
      this.#find('lost', `${name}: succeeded though task ${task} never did`);
    };
    for (let task = 0; task < taskCount; task++) mustRun(task);
    if (commitTask !== undefined) mustRun(COMMIT_TASK_INDEX);
  }

  #checkTermination(
    name: string,
    { state, job, wasCancelled }: JobResult,
    byTask: ReadonlyMap<number, readonly Execution[]>,
  ): void {
    const cleanedUp = byTask.has(CLEANUP_TASK_INDEX);
    if (cleanedUp && state === JobState.Succeeded) {
      this.#find('otherProblems', `${name}: succeeded, and its cleanup task ran`);
    }
    if (cleanedUp && !wasCancelled) {
      this.#find('otherProblems', `${name}: its cleanup task ran, and nobody had cancelled it`);
    }
    const mustCleanUp = state === JobState.Cancelled && job.graph.cleanupTask !== undefined;
    if (mustCleanUp && !cleanedUp && byTask.size > 0) {
      this.#find('otherProblems', `${name}: was cancelled, and its cleanup task did not run`);
    }
  }

  /** Nothing starts before its parents have succeeded, and no parent is handed out after that. */
  #checkOrder(
    name: string,
    graph: TaskGraph,
    byTask: ReadonlyMap<number, readonly Execution[]>,
  ): void {
    for (let task = 0; task < graph.taskCount; task++) {
      const executions = byTask.get(task) ?? [];
      const doneMs = Math.min(...executions.filter((one) => one.succeeded).map((one) => one.endMs));
      let firstChild = Infinity;
      const noteChild = (child: number): void => {
        for (const execution of byTask.get(child) ?? []) {
          firstChild = Math.min(firstChild, execution.instance);
          if (execution.startMs >= doneMs) continue;
          this.#find(
            'otherProblems',
            `${name}, task ${child}: ran before its parent ${task} in ${show(execution)}`,
          );
        }
      };
      const end = graph.childOffset[task + 1] ?? 0;
      for (let at = graph.childOffset[task] ?? 0; at < end; at++) noteChild(graph.child[at] ?? 0);
      noteChild(COMMIT_TASK_INDEX);
      for (const again of executions) {
        if (again.instance < firstChild) continue;
        this.#find(
          'acknowledgedRerun',
          `${name}, task ${task}: a child had instance ${firstChild}, ran again in ${show(again)}`,
        );
      }
    }
  }

  #find(counter: Counter, detail: string): void {
    this.findings[counter] += 1;
    this.findings.details.push(`${counter}: ${detail}`);
  }
}

function hasSucceeded({ succeeded }: FlushedState, jobId: string, task: number): boolean {
  const tasks = succeeded.get(jobId);
  if (tasks === undefined) return false;
  if (tasks !== 'all') return tasks.has(task);
  return task !== COMMIT_TASK_INDEX && task !== CLEANUP_TASK_INDEX;
}

const show = ({ line, instance, managerPid, executorPid, startMs, endMs }: Execution): string =>
  `line ${line} (instance ${instance}, manager ${managerPid}, executor ${executorPid}, ` +
  `${startMs.toFixed(1)} to ${endMs.toFixed(1)})`;
