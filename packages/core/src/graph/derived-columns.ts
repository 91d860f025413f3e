import type { Steps } from '../steps.ts';
import { SOURCE_CONSTANT, type TaskGraph } from './task-graph.ts';

/** The columns that the edges are read from. `SOURCE_CONSTANT` and above in `sourceTask` are no task. */
type EdgeColumns = Pick<
  TaskGraph,
  'taskCount' | 'inputOffset' | 'sourceTask' | 'orderOffset' | 'orderTask'
>;

/** Tasks and inputs that are looked at in one step. */
const STEP = 256 * 1024;

/** Counts each task's distinct parents and lists its distinct children in ascending order. */
export function* deriveFamily(
  columns: EdgeColumns,
): Steps<Pick<TaskGraph, 'parentCount' | 'childOffset' | 'child'>> {
  const { taskCount } = columns;
  const parentCount = new Uint32Array(taskCount);
  const childOffset = new Uint32Array(taskCount + 1);
  yield* forEachEdge(columns, (parent, task) => {
    parentCount[task] = at(parentCount, task) + 1;
    childOffset[parent + 1] = at(childOffset, parent + 1) + 1;
  });
  sumUp(childOffset);
  const child = new Uint32Array(at(childOffset, taskCount));
  const next = childOffset.slice(0, taskCount);
  yield* forEachEdge(columns, (parent, task) => {
    const place = at(next, parent);
    child[place] = task;
    next[parent] = place + 1;
  });
  return { parentCount, childOffset, child };
}

/** Visits each distinct pair of parent and child once, children in ascending order. */
function* forEachEdge(
  columns: EdgeColumns,
  visit: (parent: number, task: number) => void,
): Steps<void> {
  const { taskCount, inputOffset, sourceTask, orderOffset, orderTask } = columns;
  // For each parent 1 + the last task that was visited as its child.
  const visited = new Uint32Array(taskCount);
  let pauseAt = STEP;
  for (let task = 0; task < taskCount; task++) {
    const inputEnd = at(inputOffset, task + 1);
    if (inputEnd + task > pauseAt) {
      pauseAt = inputEnd + task + STEP;
      yield;
    }
    for (let input = at(inputOffset, task); input < inputEnd; input++) {
      const parent = at(sourceTask, input);
      if (parent >= SOURCE_CONSTANT || at(visited, parent) === task + 1) continue;
      visited[parent] = task + 1;
      visit(parent, task);
    }
    const orderEnd = at(orderOffset, task + 1);
    for (let order = at(orderOffset, task); order < orderEnd; order++) {
      if (order % STEP === STEP - 1) yield;
      const parent = at(orderTask, order);
      if (at(visited, parent) === task + 1) continue;
      visited[parent] = task + 1;
      visit(parent, task);
    }
  }
}

/** Turns counts into offsets. */
function sumUp(column: Uint32Array): void {
  for (let i = 1; i < column.length; i++) column[i] = at(column, i) + at(column, i - 1);
}

const at = (column: Uint32Array, position: number): number => column[position] ?? 0;
