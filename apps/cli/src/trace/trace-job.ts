import { defineJob, type JobDefinition } from '@spider/client';
import { invalidArgument, LIMITS, type TaskSignature } from '@spider/core';
import { string, type Type } from '@spider/tdl';
import { step } from '../task-packages/spider-trace/index.ts';
import type { WorkflowTrace } from './workflow-trace.ts';

/** How much longer than planned a task may take before it is killed. */
const GRACE_MS = 60_000;

/**
 * A job that does what a trace recorded, its times multiplied by `timeScale`: one task for each of
 * the trace's, edges that only order, and the start and end of each task as outputs.
 *
 * Its one input is the name of the record file; see the task package `spider-trace`.
 *
 * @throws SpiderError 'invalid-argument' if a task would take longer than a task may.
 */
export function traceJob(
  trace: WorkflowTrace,
  timeScale: number,
): JobDefinition<readonly [Type<string>], readonly bigint[]> {
  const task = stepFor(trace, timeScale);
  return defineJob([string], (graph, recordFile) => {
    const added: ReturnType<typeof graph.task<typeof step.inputs, typeof step.outputs>>[] = [];
    for (const [index, { runtimeSeconds, parents }] of trace.tasks.entries()) {
      const durationMs = runtimeSeconds * 1000 * timeScale;
      const parentTasks = parents.flatMap((parent) => added[parent] ?? []);
      added.push(graph.task(task, index, durationMs, recordFile).after(...parentTasks));
    }
    return added.flatMap((one) => [one.out(0), one.out(1)]);
  });
}

/** The step task, with timeouts that leave the longest task of the trace enough time. */
function stepFor(
  trace: WorkflowTrace,
  timeScale: number,
): TaskSignature<typeof step.inputs, typeof step.outputs> {
  const longest = Math.max(...trace.tasks.map((task) => task.runtimeSeconds));
  const softTimeoutMs = Math.ceil(longest * 1000 * timeScale) + GRACE_MS;
  const hardTimeoutMs = softTimeoutMs + GRACE_MS;
  if (!(hardTimeoutMs <= LIMITS.taskTimeoutMsMax)) {
    throw invalidArgument(
      `the longest task would take ${longest * timeScale} s, and a task may take a day: ` +
        'choose a smaller --time-scale',
    );
  }
  const { packageName, functionName, inputs, outputs } = step;
  const policy = { maxRetries: 3, maxInstances: 1, softTimeoutMs, hardTimeoutMs };
  return { packageName, functionName, inputs, outputs, policy };
}
