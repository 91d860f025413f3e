import type { WorkflowTrace } from './workflow-trace.ts';

/** No schedule on so many slots can end sooner than this, in seconds. */
export function makespanLowerBoundSeconds(trace: WorkflowTrace, slots: number): number {
  return Math.max(criticalPathSeconds(trace), totalWorkSeconds(trace) / slots);
}

/** The longest way through the graph by the time of its tasks. */
export function criticalPathSeconds(trace: WorkflowTrace): number {
  const finish = new Float64Array(trace.tasks.length);
  let longest = 0;
  for (const [index, task] of trace.tasks.entries()) {
    let start = 0;
    for (const parent of task.parents) start = Math.max(start, finish[parent] ?? 0);
    finish[index] = start + task.runtimeSeconds;
    longest = Math.max(longest, start + task.runtimeSeconds);
  }
  return longest;
}

const totalWorkSeconds = (trace: WorkflowTrace): number =>
  trace.tasks.reduce((sum, task) => sum + task.runtimeSeconds, 0);
