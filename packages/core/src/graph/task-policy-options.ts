import { LIMITS } from '../limits.ts';
import { validateExecutionPolicy } from './execution-policy.ts';
import { DEFAULT_EXECUTION_POLICY, type ExecutionPolicy } from './task-graph.ts';

/** How often and how long a task may run. The defaults are those of a task that says nothing itself. */
export interface TaskPolicyOptions {
  /** Further attempts after the first one failed. Default: 0. */
  readonly retries?: number;
  /**
   * How long the task waits after its first failure until it is tried again; twice as long after each
   * further one, up to five minutes unless this is longer. It keeps no slot meanwhile. Default: 0.
   */
  readonly retryDelayMs?: number;
  /** Attempts that may run at the same time. Default: 1. */
  readonly instances?: number;
  /** When an attempt counts as slow, so that another may start beside it. Default: 150 s, or half the hard timeout. */
  readonly softTimeoutMs?: number;
  /** When an attempt is killed. Default: 300 s, or twice the soft timeout. */
  readonly hardTimeoutMs?: number;
}

/**
 * A policy that differs from `base` as the options say. If they give one of the timeouts, the other one
 * moves out of its way.
 *
 * @throws SpiderError 'invalid-argument' if the policy is out of bounds or contradicts itself.
 */
export function applyPolicyOptions(
  options: TaskPolicyOptions,
  base: ExecutionPolicy = DEFAULT_EXECUTION_POLICY,
): ExecutionPolicy {
  const softTimeoutMs =
    options.softTimeoutMs ??
    Math.max(
      LIMITS.taskTimeoutMsMin,
      Math.min(base.softTimeoutMs, Math.floor((options.hardTimeoutMs ?? Infinity) / 2)),
    );
  const hardTimeoutMs =
    options.hardTimeoutMs ??
    (options.softTimeoutMs === undefined
      ? base.hardTimeoutMs
      : Math.max(base.hardTimeoutMs, Math.min(LIMITS.taskTimeoutMsMax, options.softTimeoutMs * 2)));
  const retryDelayMs = options.retryDelayMs ?? base.retryDelayMs ?? 0;
  const policy = {
    maxRetries: options.retries ?? base.maxRetries,
    maxInstances: options.instances ?? base.maxInstances,
    softTimeoutMs,
    hardTimeoutMs,
    ...(retryDelayMs !== 0 && { retryDelayMs }),
  };
  validateExecutionPolicy(policy);
  return policy;
}
