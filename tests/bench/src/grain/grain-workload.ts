import { encodeFrame, SOURCE_JOB_INPUT, type TaskGraph, TaskGraphBuilder } from '@spider/core';
import { spins } from '../task-packages/spider-bench/index.ts';
import { packFloat64 } from '../workload/float64.ts';
import type { Workload } from '../workload/workload.ts';
import type { Pattern } from './patterns.ts';

/**
 * A job of that pattern whose tasks all take so long. A task gives 1 more than the sum of what its
 * parents give; a task of the last step gives it as an output of the job.
 */
export function grainWorkload(name: string, pattern: Pattern, lengthMs: number): Workload {
  const graph = graphOf(pattern);
  return {
    name,
    graph,
    edges: graph.child.length,
    inputs: encodeFrame([packFloat64(lengthMs)]),
    expected: expectedOf(pattern),
  };
}

function graphOf(pattern: Pattern): TaskGraph {
  const builder = new TaskGraphBuilder();
  const kinds = spins.map(({ packageName, functionName, inputs, outputs, policy }) =>
    builder.addKind({
      packageName,
      functionName,
      inputs: inputs.map(({ descriptor }) => descriptor),
      outputs: outputs.map(({ descriptor }) => descriptor),
      policy,
    }),
  );
  const [length] = spins[0]?.inputs ?? [];
  if (length === undefined) throw new Error('a task takes its length');
  builder.addJobInput(length.descriptor);
  let before = 0;
  for (const step of pattern) {
    const start = builder.taskCount;
    for (const parents of step) {
      const kind = kinds[parents.length];
      if (kind === undefined) throw new Error(`no task takes the outputs of ${parents.length}`);
      builder.beginTask(kind);
      builder.addSource(SOURCE_JOB_INPUT, 0);
      for (const place of parents) builder.addSource(before + place, 0);
      builder.endTask();
    }
    before = start;
  }
  const last = pattern.at(-1) ?? [];
  builder.setJobOutputs(last.map((_, place) => ({ task: before + place, position: 0 })));
  return builder.build();
}

/** Modulo what the tasks take them, so that they stay exact. */
const MODULUS = 1_000_003;

function expectedOf(pattern: Pattern): Float64Array {
  let values: number[] = [];
  for (const step of pattern) {
    const before = values;
    values = step.map((parents) => {
      const sum = parents.reduce((sum, place) => sum + (before[place] ?? Number.NaN), 1);
      return sum % MODULUS;
    });
  }
  return Float64Array.from(values);
}
