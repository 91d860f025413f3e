import { invalidArgument } from '../error.ts';
import { SOURCE_CONSTANT, type TaskGraph } from './task-graph.ts';

/** All outputs of the tasks that give no input to another, in order of task and position. */
export function defaultJobOutputSlots({
  taskCount,
  sourceTask,
  outputOffset,
}: Pick<TaskGraph, 'taskCount' | 'sourceTask' | 'outputOffset'>): Uint32Array {
  const givesInput = new Uint8Array(taskCount);
  for (let input = 0; input < sourceTask.length; input++) {
    const task = sourceTask[input] ?? 0;
    if (task < SOURCE_CONSTANT) givesInput[task] = 1;
  }
  let count = 0;
  for (let task = 0; task < taskCount; task++) {
    if (givesInput[task] === 0) count += at(outputOffset, task + 1) - at(outputOffset, task);
  }
  const slots = new Uint32Array(count);
  let next = 0;
  for (let task = 0; task < taskCount; task++) {
    if (givesInput[task] === 1) continue;
    const end = at(outputOffset, task + 1);
    for (let slot = at(outputOffset, task); slot < end; slot++) slots[next++] = slot;
  }
  return slots;
}

/** @throws SpiderError 'invalid-argument' unless the slots are distinct and below the count. */
export function checkJobOutputSlots(slots: Uint32Array, slotCount: number): void {
  const isChosen = new Uint8Array(slotCount);
  for (const [index, slot] of slots.entries()) {
    if (slot >= slotCount) {
      throw invalidArgument(`job output ${index}: there is no output slot ${slot}`);
    }
    if (isChosen[slot] === 1) {
      throw invalidArgument(`job output ${index}: output slot ${slot} is there twice`);
    }
    isChosen[slot] = 1;
  }
}

const at = (column: Uint32Array, position: number): number => column[position] ?? 0;
