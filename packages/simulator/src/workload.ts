import { TaskGraphBuilder } from '@spider/core';
import type {
  ExecutionPolicy,
  TaskGraph,
  TaskSource,
  TerminationTask,
  TypeDescriptor,
} from '@spider/core';

import type { Draw } from './draw.ts';
import type { JobSpec } from './job-spec.ts';
import type { Run } from './sim-executors.ts';
import { encodeUint32, functionName } from './task-values.ts';

const TYPE: TypeDescriptor = { shared: false, value: { type: 'int64' } };

/** How nasty the tasks of a world are; drawn for each world, so that some are quiet. */
export interface WorkloadRates {
  readonly jobs: number;
  readonly tasksMax: number;
  /** Of a task's first runs: from 0 to 1. */
  readonly failRate: number;
  readonly exitRate: number;
  readonly hangRate: number;
  /** Of a task: whether all its runs fail. */
  readonly doomedRate: number;
  readonly slowRate: number;
  readonly cancelRate: number;
  readonly deadlineRate: number;
  /** Of most jobs. */
  readonly durability: JobSpec['durability'];
  /** Within so much time all jobs are submitted. */
  readonly spanMs: number;
  readonly groups: number;
}

export function drawWorkload(draw: Draw, rates: WorkloadRates): JobSpec[] {
  return Array.from({ length: rates.jobs }, (_, number) => drawJob(draw, rates, number));
}

function drawJob(draw: Draw, rates: WorkloadRates, number: number): JobSpec {
  const name = `job-${number}`;
  const graph = drawGraph(draw, rates, name);
  const submitAtMs = draw.between(0, rates.spanMs);
  const inputs = graph.jobInputs.map(() => encodeUint32(draw.rng.uint32()));
  return {
    name,
    graph,
    inputs,
    group: draw.int(0, rates.groups - 1),
    submitAtMs,
    startAfterMs: draw.chance(0.3) ? draw.skewed(1, 2_000) : undefined,
    cancelAtMs: draw.chance(rates.cancelRate) ? submitAtMs + draw.skewed(1, 10_000) : undefined,
    durability: draw.chance(0.8) ? rates.durability : draw.pick(['job', 'task', 'sync']),
    goesOnAfterFailure: draw.chance(0.3),
    cleansUpAfterFailure: graph.cleanupTask !== undefined && draw.chance(0.3),
    deadlineMs: draw.chance(rates.deadlineRate) ? Math.ceil(draw.skewed(10, 20_000)) : undefined,
    isRetried: draw.chance(0.5),
    runs: Array.from({ length: graph.taskCount + 2 }, (_, task) =>
      drawRuns(draw, rates, policyOf(graph, task)),
    ),
  };
}

/** The shape of a graph: each task takes from a window of those before it. */
function drawGraph(draw: Draw, rates: WorkloadRates, name: string): TaskGraph {
  const builder = new TaskGraphBuilder();
  const tasks = Math.ceil(draw.skewed(1, rates.tasksMax));
  const window = draw.pick([1, 2, 8, tasks]);
  const parentsMax = draw.pick([1, 2, 4]);
  const policies = Array.from({ length: draw.int(1, 3) }, () => drawPolicy(draw));
  const outputCounts: number[] = [];
  for (let input = draw.int(0, 2); input > 0; input--) builder.addJobInput(TYPE);
  const jobInputs = builder.build().jobInputs.length;
  for (let task = 0; task < tasks; task++) {
    const sources = Array.from({ length: draw.int(0, parentsMax) }, () =>
      drawSource(draw, builder, outputCounts, window, jobInputs),
    );
    const outputs = draw.pick([1, 1, 1, 0, 2, 3]);
    builder.addTask({
      kind: {
        packageName: name,
        functionName: functionName(outputs),
        inputs: sources.map(() => TYPE),
        outputs: Array.from({ length: outputs }, () => TYPE),
        policy: draw.pick(policies),
      },
      sources,
      after: task > 0 && draw.chance(0.1) ? [draw.int(0, task - 1)] : [],
    });
    outputCounts.push(outputs);
  }
  const terminationTask = (): TerminationTask => ({
    packageName: name,
    functionName: functionName(0),
    policy: drawPolicy(draw),
  });
  if (draw.chance(0.3)) builder.setCommitTask(terminationTask());
  if (draw.chance(0.3)) builder.setCleanupTask(terminationTask());
  return builder.build();
}

function drawSource(
  draw: Draw,
  builder: TaskGraphBuilder,
  outputCounts: readonly number[],
  window: number,
  jobInputs: number,
): TaskSource {
  const task = draw.int(Math.max(0, outputCounts.length - window), outputCounts.length - 1);
  const outputs = outputCounts[task] ?? 0;
  if (outputs > 0) return { from: 'task', task, position: draw.int(0, outputs - 1) };
  if (jobInputs > 0 && draw.chance(0.5)) {
    return { from: 'job-input', input: draw.int(0, jobInputs - 1) };
  }
  return { from: 'constant', constant: builder.addConstant(encodeUint32(draw.rng.uint32())) };
}

function drawPolicy(draw: Draw): ExecutionPolicy {
  const softTimeoutMs = Math.round(draw.skewed(100, 5_000));
  return {
    maxRetries: draw.int(0, 6),
    maxInstances: draw.pick([1, 1, 2, 3]),
    softTimeoutMs,
    hardTimeoutMs: softTimeoutMs + Math.round(draw.skewed(100, 5_000)),
  };
}

function policyOf(graph: TaskGraph, task: number): ExecutionPolicy | undefined {
  if (task === graph.taskCount) return graph.commitTask?.policy;
  if (task > graph.taskCount) return graph.cleanupTask?.policy;
  return graph.kinds[graph.taskKind[task] ?? 0]?.policy;
}

function drawRuns(draw: Draw, rates: WorkloadRates, policy: ExecutionPolicy | undefined): Run[] {
  if (policy === undefined) return [];
  if (draw.chance(rates.doomedRate)) {
    return Array.from({ length: 40 }, () => ({ durationMs: draw.skewed(0.05, 20), end: 'fail' }));
  }
  const runs: Run[] = [];
  while (draw.chance(rates.failRate + rates.exitRate + rates.hangRate) && runs.length < 8) {
    const kind = draw.between(0, rates.failRate + rates.exitRate + rates.hangRate);
    const end =
      kind < rates.failRate ? 'fail' : kind < rates.failRate + rates.exitRate ? 'exit' : 'hang';
    runs.push({ durationMs: draw.skewed(0.05, 50), end });
  }
  const isSlow = draw.chance(rates.slowRate);
  const durationMs = isSlow ? policy.softTimeoutMs * draw.between(0.5, 1.5) : draw.skewed(0.05, 50);
  runs.push({ durationMs: Math.min(durationMs, policy.hardTimeoutMs * 0.9), end: 'succeed' });
  return runs;
}
