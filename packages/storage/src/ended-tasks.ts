import { decodeTaskGraphInSteps, JobState, notFound, TaskOutcome, TaskState } from '@spider/core';
import type { JobId, TaskGraph } from '@spider/core';
import type { Clock, Timer } from '@spider/runtime';
import type { JobStatus } from './cache/job-status.ts';
import { BlobKind } from './db/job-store.ts';
import type { JobStore } from './db/job-store.ts';
import { JournalDecoder } from './journal/journal-record.ts';
import type { LongWork } from './long-work.ts';
import { AttemptCursor } from './machine/attempt-cursor.ts';
import { failureMessage } from './machine/report.ts';
import { TaskRecords } from './machine/task-records.ts';
import { UNKNOWN_STATE } from './machine/task-view.ts';
import type { TaskColumns } from './machine/task-view.ts';

/** Rows of a journal that are read at once. */
const ROWS_PER_PAGE = 16;
/** How long the tasks of the last job that was asked for stay in memory, for its other pages. */
const KEEP_MS = 30_000;

interface Kept {
  readonly id: JobId;
  readonly columns: Promise<TaskColumns>;
  readonly timer: Timer;
}

/** The tasks of jobs that have left memory, as far as the database still knows of them. */
export class EndedTasks {
  readonly #store: JobStore;
  readonly #clock: Clock;
  readonly #work: LongWork;
  #kept: Kept | undefined;
  #isClosed = false;

  constructor(store: JobStore, clock: Clock, work: LongWork) {
    this.#store = store;
    this.#clock = clock;
    this.#work = work;
  }

  /** @throws SpiderError 'not-found' if the job is deleted meanwhile, 'internal' if it is corrupt. */
  async read(status: JobStatus): Promise<TaskColumns> {
    if (this.#kept?.id === status.id) return await this.#kept.columns;
    const columns = readTasks(this.#store, this.#work, status);
    if (!this.#isClosed) this.#keep(status.id, columns);
    return await columns;
  }

  /** Keeps nothing, from now on. */
  close(): void {
    this.#isClosed = true;
    this.forget();
  }

  forget(): void {
    this.#kept?.timer.cancel();
    this.#kept = undefined;
  }

  #keep(id: JobId, columns: Promise<TaskColumns>): void {
    this.forget();
    const timer = this.#clock.setTimer(KEEP_MS, () => this.forget());
    const kept = { id, columns, timer };
    this.#kept = kept;
    columns.catch(() => {
      if (this.#kept === kept) this.forget();
    });
  }
}

async function readTasks(store: JobStore, work: LongWork, status: JobStatus): Promise<TaskColumns> {
  const { id, state } = status;
  const bytes = await store.readBlob(id, BlobKind.Graph);
  if (bytes === undefined) throw notFound(`job ${id} does not exist`);
  const tasks = new TasksOfEnded(await work.run(decodeTaskGraphInSteps(bytes)));
  if (state === JobState.Succeeded) tasks.succeed();
  if (state === JobState.Failed) {
    await replay(store, id, tasks);
    const { durability, failurePolicy } = status.policy;
    if (failurePolicy === 'continue') tasks.skip();
    // Without a journal nothing is known of the tasks.
    if (durability !== 'job') tasks.settle(status.succeededTasks);
  }
  return tasks;
}

async function replay(store: JobStore, id: JobId, tasks: TasksOfEnded): Promise<void> {
  const decoder = new JournalDecoder();
  for (let after = 0; ;) {
    const rows = await store.readJournal(id, after, ROWS_PER_PAGE);
    for (const { sequence, records } of rows) {
      after = sequence;
      for (const columns of decoder.push(records)) tasks.replay(new AttemptCursor(columns));
    }
    if (rows.length < ROWS_PER_PAGE) break;
  }
}

class TasksOfEnded implements TaskColumns {
  readonly graph: TaskGraph;
  readonly taskState: Uint8Array;
  readonly records: TaskRecords;
  readonly #failures: Uint32Array;
  #succeededTasks = 0;

  constructor(graph: TaskGraph) {
    const rowCount = graph.taskCount + 2;
    this.graph = graph;
    this.taskState = new Uint8Array(rowCount).fill(UNKNOWN_STATE);
    this.records = new TaskRecords(graph);
    this.#failures = new Uint32Array(rowCount);
  }

  failures(row: number): number {
    return this.#failures[row] as number;
  }

  runsOn(): number {
    return 0;
  }

  /** The job has succeeded, and with it all tasks but the cleanup task. */
  succeed(): void {
    this.taskState.fill(TaskState.Succeeded);
    this.taskState[this.graph.taskCount + 1] = TaskState.Cancelled;
  }

  replay(attempt: AttemptCursor): void {
    while (attempt.next()) {
      const row = this.#rowOf(attempt.taskIndex);
      if (row >= this.taskState.length) continue;
      if (attempt.outcome === TaskOutcome.Succeeded) {
        this.taskState[row] = TaskState.Succeeded;
        if (row < this.graph.taskCount) this.#succeededTasks += 1;
        this.records.succeeded(row, attempt);
      } else {
        const failures = this.failures(row) + 1;
        this.#failures[row] = failures;
        if (attempt.outcome === TaskOutcome.FailedForGood || failures > this.#retriesOf(row)) {
          this.taskState[row] = TaskState.Failed;
        }
        this.records.failed(row, attempt, failureMessage(attempt));
      }
    }
  }

  /** The job has gone on without what depends on a task that failed. */
  skip(): void {
    const { child, childOffset, taskCount } = this.graph;
    const given: number[] = [];
    for (let row = 0; row < taskCount; row++) {
      if (this.taskState[row] === TaskState.Failed) given.push(row);
    }
    for (let row = given.pop(); row !== undefined; row = given.pop()) {
      for (const next of child.subarray(childOffset[row], childOffset[row + 1])) {
        if (this.taskState[next] !== UNKNOWN_STATE) continue;
        this.taskState[next] = TaskState.Skipped;
        given.push(next);
      }
    }
  }

  /** What the journal does not tell of was cancelled, if the journal tells of all that succeeded. */
  settle(succeededTasks: number): void {
    if (succeededTasks !== this.#succeededTasks) return;
    for (let row = 0; row < this.taskState.length; row++) {
      if (this.taskState[row] === UNKNOWN_STATE) this.taskState[row] = TaskState.Cancelled;
    }
  }

  /** Commit and cleanup task have the two highest indices, in reverse order. */
  #rowOf(taskIndex: number): number {
    const { taskCount } = this.graph;
    return taskIndex < taskCount ? taskIndex : taskCount + (0xffff_ffff - taskIndex);
  }

  #retriesOf(row: number): number {
    const { taskCount, taskKind, kinds, commitTask, cleanupTask } = this.graph;
    const kind =
      row < taskCount
        ? kinds[taskKind[row] as number]
        : row === taskCount
          ? commitTask
          : cleanupTask;
    return kind?.policy.maxRetries ?? 0;
  }
}
