import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, LIMITS, TaskState } from '@spider/core';
import type { TaskGraph, TaskIndex, TimestampMs } from '@spider/core';
import type { TaskRecords } from './task-records.ts';

/** What is known of a job's tasks, by row: the regular ones, then commit and cleanup task. */
export interface TaskColumns {
  readonly graph: TaskGraph;
  /** `TaskState` numbers, or UNKNOWN_STATE. */
  readonly taskState: Uint8Array;
  readonly records: TaskRecords;
  failures(row: number): number;
  /** Who runs a task that is running. */
  runsOn(row: number): number;
}

/** One task for people to see. */
export interface TaskView {
  readonly taskIndex: TaskIndex;
  readonly packageName: string;
  readonly functionName: string;
  /** Undefined if it is not known any more. */
  readonly state: TaskState | undefined;
  /** Attempts that succeeded or failed. */
  readonly attempts: number;
  readonly lastError: string | undefined;
  /** Who runs it, or ended its last attempt; 0 for nobody. */
  readonly executionManager: number;
  readonly startedAt: TimestampMs | undefined;
  readonly elapsedUs: number;
}

/** A page of tasks. */
export interface TaskPage {
  readonly tasks: readonly TaskView[];
  /** The row to go on from; undefined after the last page. */
  readonly nextRow: number | undefined;
}

/** The tasks of one function. */
export interface KindSummary {
  readonly packageName: string;
  readonly functionName: string;
  readonly taskCount: number;
  /** By `TaskState`, and behind them those whose state is not known. */
  readonly counts: Uint32Array;
  readonly timedSuccesses: number;
  readonly meanElapsedUs: number;
  readonly maxElapsedUs: number;
}

export interface KindSummaries {
  /** Those with the most tasks first, at most LIMITS.describedKinds. */
  readonly kinds: readonly KindSummary[];
  readonly omitted: number;
  /** As the counts of a kind, of all together. */
  readonly total: Uint32Array;
}

/** In a column of task states: not known any more. */
export const UNKNOWN_STATE = TaskState.Skipped + 1;
const STATES = UNKNOWN_STATE + 1;

/** Counts regular tasks by function: one pass over two columns. */
export function summarizeKinds({ graph, taskState, records }: TaskColumns): KindSummaries {
  const { taskCount, taskKind, kinds } = graph;
  const counts = new Uint32Array(kinds.length * STATES);
  for (let row = 0; row < taskCount; row++) {
    const at = (taskKind[row] as number) * STATES + (taskState[row] as number);
    counts[at] = (counts[at] as number) + 1;
  }
  const byFunction = new Map<string, KindTotal>();
  kinds.forEach(({ packageName, functionName }, kind) => {
    // Names hold no NUL; kinds of the same function differ in types or policy.
    const key = `${packageName}\0${functionName}`;
    const total = byFunction.get(key) ?? new KindTotal(packageName, functionName);
    byFunction.set(key, total);
    total.add(counts.subarray(kind * STATES, (kind + 1) * STATES), records.successTimes(kind));
  });
  const all = [...byFunction.values()].filter((total) => total.taskCount > 0);
  all.sort((a, b) => b.taskCount - a.taskCount);
  const total = new Uint32Array(STATES);
  counts.forEach((count, at) => {
    total[at % STATES] = (total[at % STATES] as number) + count;
  });
  const described = all.slice(0, LIMITS.describedKinds);
  return { kinds: described, omitted: all.length - described.length, total };
}

class KindTotal implements KindSummary {
  readonly packageName: string;
  readonly functionName: string;
  readonly counts = new Uint32Array(STATES);
  taskCount = 0;
  timedSuccesses = 0;
  maxElapsedUs = 0;
  #sumUs = 0;

  constructor(packageName: string, functionName: string) {
    this.packageName = packageName;
    this.functionName = functionName;
  }

  get meanElapsedUs(): number {
    return this.timedSuccesses === 0 ? 0 : Math.round(this.#sumUs / this.timedSuccesses);
  }

  add(counts: Uint32Array, times: { count: number; sumUs: number; maxUs: number }): void {
    counts.forEach((count, state) => {
      this.counts[state] = (this.counts[state] as number) + count;
      this.taskCount += count;
    });
    this.timedSuccesses += times.count;
    this.#sumUs += times.sumUs;
    this.maxElapsedUs = Math.max(this.maxElapsedUs, times.maxUs);
  }
}

/** The tasks in one of these states (none stands for all), from a row on, at most `limit`. */
export function listTasks(
  columns: TaskColumns,
  states: readonly TaskState[],
  firstRow: number,
  limit: number,
): TaskPage {
  const { graph, taskState } = columns;
  const isWanted = new Uint8Array(STATES).fill(states.length === 0 ? 1 : 0);
  for (const state of states) isWanted[state] = 1;
  const tasks: TaskView[] = [];
  for (let row = firstRow; row < taskState.length; row++) {
    if (isWanted[taskState[row] as number] === 0 || !hasRow(graph, row)) continue;
    if (tasks.length === limit) return { tasks, nextRow: row };
    tasks.push(viewTask(columns, row));
  }
  return { tasks, nextRow: undefined };
}

function viewTask(columns: TaskColumns, row: number): TaskView {
  const { graph, records, taskState } = columns;
  const state = taskState[row] as number;
  const { taskCount, commitTask, cleanupTask, kinds, taskKind } = graph;
  const kind =
    row < taskCount ? kinds[taskKind[row] as number] : row === taskCount ? commitTask : cleanupTask;
  const isRunning = state === TaskState.Running;
  // Without a record the success happened where nothing is known of.
  const hasSuccess = state === TaskState.Succeeded && records.startedAt(row) !== undefined;
  return {
    taskIndex: row < taskCount ? row : row === taskCount ? COMMIT_TASK_INDEX : CLEANUP_TASK_INDEX,
    packageName: kind?.packageName ?? '',
    functionName: kind?.functionName ?? '',
    state: state === UNKNOWN_STATE ? undefined : (state as TaskState),
    attempts: columns.failures(row) + (hasSuccess ? 1 : 0),
    lastError: records.error(row),
    executionManager: isRunning ? columns.runsOn(row) : records.executionManager(row),
    startedAt: records.startedAt(row),
    elapsedUs: records.elapsedUs(row),
  };
}

const hasRow = ({ taskCount, commitTask, cleanupTask }: TaskGraph, row: number): boolean =>
  row < taskCount || (row === taskCount ? commitTask : cleanupTask) !== undefined;
