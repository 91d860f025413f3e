import { SOURCE_CONSTANT, TaskOutcome, TaskState } from '@spider/core';
import { AttemptCursor } from './attempt-cursor.ts';
import type { JobControlBlock } from './job-control-block.ts';
import type { JobEffect } from './job-effect.ts';
import type { RecalledEvent } from './job-event.ts';
import { Recall } from './recall.ts';

/** Has the inputs of some tasks read back, of the first ones at least, unless others are just now. */
export function recallInputs(
  job: JobControlBlock,
  tasks: readonly number[],
  effects: JobEffect[],
): void {
  if (job.recall !== undefined) return;
  const recall = new Recall(job.nextRecall, job.outputs);
  const { inputOffset, sourceTask } = job.graph;
  for (const task of tasks) {
    if (recall.isFull) break;
    for (let at = inputOffset[task] as number; at < (inputOffset[task + 1] as number); at++) {
      const source = sourceTask[at] as number;
      if (source < SOURCE_CONSTANT) recall.add(source);
    }
  }
  beginRecall(job, recall, effects);
}

export function beginRecall(job: JobControlBlock, recall: Recall, effects: JobEffect[]): void {
  job.recall = recall;
  job.nextRecall += 1;
  effects.push({ type: 'recall', recall: recall.number, ranges: recall.ranges() });
}

/** Takes what of these attempts is waited for. */
export function applyRecalled(job: JobControlBlock, event: RecalledEvent): void {
  const { recall } = job;
  if (recall?.number !== event.recall) return;
  const attempts = new AttemptCursor(event);
  while (attempts.next()) {
    const { taskIndex, outcome, payloadStart, payloadEnd } = attempts;
    if (outcome !== TaskOutcome.Succeeded || taskIndex >= job.taskCount) continue;
    if (job.taskState[taskIndex] !== TaskState.Succeeded || !recall.wants(taskIndex)) continue;
    job.outputs.recall(taskIndex, event.payloads, payloadStart, payloadEnd);
  }
}

/** Frees memory of what the journal has. */
export function spill(job: JobControlBlock, bytes: number): void {
  const { recall } = job;
  job.outputs.evict(
    bytes,
    job.recordCount,
    (task) => recall?.needed.has(task) ?? false,
    (chunk) => !(recall?.isPinned(chunk) ?? false),
  );
}
