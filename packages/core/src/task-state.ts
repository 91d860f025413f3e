/**
 * A task's states, small enough for a byte array.
 *
 * Pending: some parent has not succeeded. Ready: may run. Running: at least one instance of it is
 * out. The others are final. Cancelled: its job has ended without it. Skipped: it depends on a task that
 * has failed, in a job that goes on without them.
 */
export const TaskState = {
  Pending: 0,
  Ready: 1,
  Running: 2,
  Succeeded: 3,
  Failed: 4,
  Cancelled: 5,
  Skipped: 6,
} as const;

export type TaskState = (typeof TaskState)[keyof typeof TaskState];

const NAMES: Record<TaskState, string> = {
  [TaskState.Pending]: 'PENDING',
  [TaskState.Ready]: 'READY',
  [TaskState.Running]: 'RUNNING',
  [TaskState.Succeeded]: 'SUCCEEDED',
  [TaskState.Failed]: 'FAILED',
  [TaskState.Cancelled]: 'CANCELLED',
  [TaskState.Skipped]: 'SKIPPED',
};

/** Where a task may go from each state. Running → Ready: retried, or its instance was lost. */
const NEXT: Record<TaskState, readonly TaskState[]> = {
  [TaskState.Pending]: [TaskState.Ready, TaskState.Cancelled, TaskState.Skipped],
  [TaskState.Ready]: [TaskState.Running, TaskState.Cancelled],
  [TaskState.Running]: [
    TaskState.Ready,
    TaskState.Succeeded,
    TaskState.Failed,
    TaskState.Cancelled,
  ],
  [TaskState.Succeeded]: [],
  [TaskState.Failed]: [],
  [TaskState.Cancelled]: [],
  [TaskState.Skipped]: [],
};

export const taskStateName = (state: TaskState): string => NAMES[state];

export const canTaskMove = (from: TaskState, to: TaskState): boolean => NEXT[from].includes(to);

export const isFinalTaskState = (state: TaskState): boolean => NEXT[state].length === 0;
