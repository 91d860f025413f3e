import { LIMITS, TaskState } from '@spider/core';
import type { FirstFailure, JobControlBlock } from './job-control-block.ts';

/** Tasks that a message names. */
const NAMED_TASKS = 10;

/**
 * What a job that has gone on after a failure fails with; undefined as long as something can still
 * run.
 */
export function describeFailures(
  { taskCount, taskCounts, taskState }: JobControlBlock,
  { row, message }: FirstFailure,
): string | undefined {
  const succeeded = taskCounts[TaskState.Succeeded] as number;
  const failed = taskCounts[TaskState.Failed] as number;
  const skipped = taskCounts[TaskState.Skipped] as number;
  if (succeeded + failed + skipped < taskCount) return undefined;
  const rest = skipped === 0 ? '' : ` and ${skipped} skipped, which depend on them`;
  const named = nameFailed(taskState, taskCount);
  const more = failed > NAMED_TASKS ? ', …' : '';
  const counts = `of ${taskCount} tasks ${failed} failed (${named}${more})${rest}`;
  return cutText(`${counts}; the first was task ${row}: ${message}`);
}

function nameFailed(taskState: Uint8Array, taskCount: number): string {
  const named: number[] = [];
  for (let row = 0; row < taskCount && named.length < NAMED_TASKS; row++) {
    if (taskState[row] === TaskState.Failed) named.push(row);
  }
  return named.join(', ');
}

function cutText(text: string): string {
  if (text.length * 3 <= LIMITS.errorMessageBytes) return text;
  const bytes = new TextEncoder().encode(text);
  return new TextDecoder().decode(bytes.subarray(0, LIMITS.errorMessageBytes));
}
