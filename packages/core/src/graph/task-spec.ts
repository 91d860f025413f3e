import type { TaskIndex } from '../id.ts';
import type { TaskKind } from './task-graph.ts';

/** Where a task's input comes from. */
export type TaskSource =
  | { readonly from: 'task'; readonly task: TaskIndex; readonly position: number }
  | { readonly from: 'job-input'; readonly input: number }
  | { readonly from: 'constant'; readonly constant: number };

/** An output of a task. */
export interface TaskOutput {
  readonly task: TaskIndex;
  readonly position: number;
}

/** A task, as the author of a graph describes it. */
export interface TaskSpec {
  readonly kind: TaskKind;
  /** One for each input of the kind. */
  readonly sources: readonly TaskSource[];
  /** Tasks that must have succeeded before, beside those that give an input. */
  readonly after?: readonly TaskIndex[];
}
