import { SOURCE_JOB_INPUT, type TaskGraph } from '@spider/core';
import { MODULUS } from '../task-packages/testing/index.ts';

/**
 * What the job outputs of a graph of the `testing` package's tasks must be: each task gives 1 more than
 * the sum of its inputs. Written out anew here, so that a mistake in the tasks shows.
 */
export function evaluateGraph(graph: TaskGraph, inputs: Float64Array): Float64Array {
  const values = new Float64Array(graph.taskCount);
  for (let task = 0; task < graph.taskCount; task++) {
    let sum = 1;
    const end = graph.inputOffset[task + 1] ?? 0;
    for (let at = graph.inputOffset[task] ?? 0; at < end; at++) {
      const source = graph.sourceTask[at] ?? 0;
      const value =
        source === SOURCE_JOB_INPUT ? inputs[graph.sourceSlot[at] ?? 0] : values[source];
      sum += value ?? Number.NaN;
    }
    values[task] = sum % MODULUS;
  }
  // Every task has one output, and so slots are tasks.
  return Float64Array.from(graph.jobOutputSlots, (slot) => values[slot] ?? Number.NaN);
}

/** @returns what is wrong, or undefined if nothing is. */
export function compareOutputs(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): string | undefined {
  if (actual.length !== expected.length) {
    return `got ${actual.length} outputs, expected ${expected.length}`;
  }
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] !== expected[i]) return `output ${i} is ${actual[i]}, expected ${expected[i]}`;
  }
  return undefined;
}
