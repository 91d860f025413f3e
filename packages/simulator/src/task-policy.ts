import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, DEFAULT_EXECUTION_POLICY } from '@spider/core';
import type { ExecutionPolicy } from '@spider/core';

import type { JobSpec } from './job-spec.ts';

/** How a task of a job may be run, also one that commits or cleans up. */
export function policyOf({ graph }: JobSpec, task: number): ExecutionPolicy {
  if (task === COMMIT_TASK_INDEX) return graph.commitTask?.policy ?? DEFAULT_EXECUTION_POLICY;
  if (task === CLEANUP_TASK_INDEX) return graph.cleanupTask?.policy ?? DEFAULT_EXECUTION_POLICY;
  return graph.kinds[graph.taskKind[task] ?? 0]?.policy ?? DEFAULT_EXECUTION_POLICY;
}
