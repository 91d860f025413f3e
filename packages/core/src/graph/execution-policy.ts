import { invalidArgument } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { DEFAULT_EXECUTION_POLICY, type ExecutionPolicy } from './task-graph.ts';

const UINT32_MAX = 0xffff_ffff;

/**
 * Checks a policy in the reference's order: instances, soft timeout, hard timeout, their order.
 *
 * @throws SpiderError 'invalid-argument' naming the field and its bounds.
 */
export function validateExecutionPolicy(policy: ExecutionPolicy): void {
  const { maxRetries, maxInstances, softTimeoutMs, hardTimeoutMs, retryDelayMs = 0 } = policy;
  const { taskTimeoutMsMin: min, taskTimeoutMsMax: max } = LIMITS;
  checkRange('execution', 'maxRetries', maxRetries, 0, UINT32_MAX);
  checkRange('execution', 'maxInstances', maxInstances, 1, UINT32_MAX);
  checkRange('timeout', 'softTimeoutMs', softTimeoutMs, min, max);
  checkRange('timeout', 'hardTimeoutMs', hardTimeoutMs, min, max);
  if (hardTimeoutMs <= softTimeoutMs) {
    throw invalidArgument(
      `invalid timeout policy: hardTimeoutMs is ${hardTimeoutMs}, but must be greater than softTimeoutMs, which is ${softTimeoutMs}`,
    );
  }
  checkRange('execution', 'retryDelayMs', retryDelayMs, 0, LIMITS.retryDelayMs);
}

/** However often a task has failed, it waits no longer than this unless its policy begins with more. */
const RETRY_DELAY_MS_MAX = 300_000;

/** How long a task waits that has failed so many times, at least once, before it is tried again. */
export function retryDelayMs(
  { retryDelayMs: first = 0 }: ExecutionPolicy,
  failures: number,
): number {
  return Math.min(first * 2 ** Math.min(failures - 1, 30), Math.max(first, RETRY_DELAY_MS_MAX));
}

export const isDefaultPolicy = (policy: ExecutionPolicy): boolean =>
  policy.maxRetries === DEFAULT_EXECUTION_POLICY.maxRetries &&
  policy.maxInstances === DEFAULT_EXECUTION_POLICY.maxInstances &&
  policy.softTimeoutMs === DEFAULT_EXECUTION_POLICY.softTimeoutMs &&
  policy.hardTimeoutMs === DEFAULT_EXECUTION_POLICY.hardTimeoutMs &&
  (policy.retryDelayMs ?? 0) === 0;

function checkRange(policy: string, field: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw invalidArgument(
    `invalid ${policy} policy: ${field} is ${value}, but must be a whole number from ${min} to ${max}`,
  );
}
