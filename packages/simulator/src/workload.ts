import { TaskGraphBuilder } from '@spider/core';
import type {
  ExecutionPolicy,
  Labels,
  TaskGraph,
  TaskSource,
  TerminationTask,
  TypeDescriptor,
} from '@spider/core';

import type { Draw } from './draw.ts';
import type { Machine } from './machine.ts';
import type { JobSpec } from './job-spec.ts';
import type { Run } from './sim-executors.ts';
import { encodeValue, functionName, SMALLEST_VALUE } from './task-values.ts';

const TYPE: TypeDescriptor = { shared: false, value: { type: 'bytes' } };

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
  /** The largest output of a task. */
  readonly payloadBytesMax: number;
  readonly limitRate: number;
  readonly requireRate: number;
  readonly lookRate: number;
  /** Within so much time all jobs are submitted. */
  readonly spanMs: number;
  /** The ids of the first and the last resource group that jobs belong to. */
  readonly groups: readonly [first: number, last: number];
  /** Where jobs may run. */
  readonly machines: readonly Machine[];
}

export function drawWorkload(draw: Draw, rates: WorkloadRates): JobSpec[] {
  return Array.from({ length: rates.jobs }, (_, number) => drawJob(draw, rates, number));
}

function drawJob(draw: Draw, rates: WorkloadRates, number: number): JobSpec {
  const name = `job-${number}`;
  const isCancelled = draw.chance(rates.cancelRate);
  const graph = drawGraph(draw, rates, name, isCancelled ? 0.7 : 0.3);
  const submitAtMs = draw.between(0, rates.spanMs);
  const inputs = graph.jobInputs.map(() => encodeValue(draw.rng.uint32()));
  const group = draw.int(...rates.groups);
  return {
    name,
    graph,
    inputs,
    group,
    submitAtMs,
    priority: draw.pick([0, 0, 0, -1, 5]),
    requires: draw.chance(rates.requireRate) ? drawRequirement(draw, rates.machines, group) : {},
    maxConcurrency: draw.chance(rates.limitRate) ? draw.int(1, 4) : 0,
    startAfterMs: draw.chance(0.3) ? draw.skewed(1, 2_000) : undefined,
    cancelAtMs: isCancelled ? submitAtMs + draw.skewed(1, draw.pick([200, 10_000])) : undefined,
    looks: draw.chance(rates.lookRate) ? draw.int(5, 30) : 0,
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

/** A job that would keep all slots busy for some seconds, beside which others are light. */
export function drawHeavyJob(draw: Draw, slots: number): JobSpec {
  const name = 'heavy';
  const builder = new TaskGraphBuilder();
  const kind = {
    packageName: name,
    functionName: functionName(1),
    inputs: [],
    outputs: [TYPE],
    policy: { ...drawPolicy(draw), softTimeoutMs: 5_000, hardTimeoutMs: 10_000 },
  };
  const tasks = draw.int(50, 80) * slots;
  for (let task = 0; task < tasks; task++) builder.addTask({ kind, sources: [] });
  return {
    name,
    graph: builder.build(),
    inputs: [],
    group: 1,
    submitAtMs: 0,
    priority: draw.pick([0, 5]),
    requires: {},
    maxConcurrency: 0,
    startAfterMs: undefined,
    cancelAtMs: undefined,
    looks: 0,
    durability: 'task',
    goesOnAfterFailure: false,
    cleansUpAfterFailure: false,
    deadlineMs: undefined,
    isRetried: false,
    runs: Array.from({ length: tasks + 2 }, () => [
      { durationMs: draw.between(50, 100), end: 'succeed' } as const,
    ]),
  };
}

/** What some machine has that serves the group. */
function drawRequirement(draw: Draw, machines: readonly Machine[], group: number): Labels {
  return draw.pick(machines.filter(({ groups }) => groups.length === 0 || groups.includes(group)))
    .labels;
}

/** The shape of a graph: each task takes from a window of those before it. */
function drawGraph(draw: Draw, rates: WorkloadRates, name: string, cleanupRate: number): TaskGraph {
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
    const bytes = draw.chance(0.3)
      ? Math.ceil(draw.skewed(SMALLEST_VALUE, rates.payloadBytesMax))
      : SMALLEST_VALUE;
    builder.addTask({
      kind: {
        packageName: name,
        functionName: functionName(outputs, bytes),
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
  if (draw.chance(cleanupRate)) builder.setCleanupTask(terminationTask());
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
  return { from: 'constant', constant: builder.addConstant(encodeValue(draw.rng.uint32())) };
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
  // Where one is slow the one beside it may well be, too.
  for (let slow = isSlow ? draw.int(1, 3) : 1; slow > 0; slow--) {
    const durationMs = isSlow ? policy.softTimeoutMs * draw.between(0.5, 3) : draw.skewed(0.05, 50);
    runs.push({ durationMs: Math.min(durationMs, policy.hardTimeoutMs * 0.9), end: 'succeed' });
  }
  return runs;
}
