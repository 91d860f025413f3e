import type { TaskExecution } from './execution-record.ts';
import type { WorkflowTrace } from './workflow-trace.ts';

/** How many findings are spelled out; a broken run would print thousands of the same. */
const FINDINGS_MAX = 10;

/**
 * Compares what ran with what should have: every task exactly once, and after its parents.
 *
 * @returns what is wrong, in words; nothing if the run was right.
 */
export function verifyTrace(
  trace: WorkflowTrace,
  executions: readonly TaskExecution[],
): readonly string[] {
  const findings: string[] = [];
  const runs = new Map<number, TaskExecution>();
  const counts = new Uint32Array(trace.tasks.length);
  for (const execution of executions) {
    if (execution.index >= trace.tasks.length) {
      findings.push(`a task ${execution.index} ran that the trace does not have`);
      continue;
    }
    counts[execution.index] = (counts[execution.index] ?? 0) + 1;
    runs.set(execution.index, execution);
  }
  for (const [index, task] of trace.tasks.entries()) {
    if (counts[index] !== 1) findings.push(`task ${task.id} ran ${counts[index]} times`);
    const run = runs.get(index);
    for (const parent of task.parents) {
      const parentRun = runs.get(parent);
      if (run !== undefined && parentRun !== undefined && run.start < parentRun.end) {
        findings.push(`task ${task.id} started before its parent ${trace.tasks[parent]?.id} ended`);
      }
    }
  }
  if (findings.length <= FINDINGS_MAX) return findings;
  return [...findings.slice(0, FINDINGS_MAX), `… and ${findings.length - FINDINGS_MAX} more`];
}
