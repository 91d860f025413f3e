import { DEFAULT_EXECUTION_POLICY, encodeTaskGraph, TaskGraphBuilder } from '@spider/core';
import type { ExecutionPolicy, TaskGraph, TaskKind, TypeDescriptor } from '@spider/core';

const BYTES: TypeDescriptor = { shared: false, value: { type: 'bytes' } };

/** A kind that takes so many inputs and gives one output. */
const testKind = (inputs: number, policy: Partial<ExecutionPolicy> = {}): TaskKind => ({
  packageName: 'test',
  functionName: `take${inputs}`,
  inputs: Array.from({ length: inputs }, () => BYTES),
  outputs: [BYTES],
  policy: { ...DEFAULT_EXECUTION_POLICY, ...policy },
});

/** Job input → task 0 → task 1 → … , each with one input and one output. */
export function chain(length: number, policy?: Partial<ExecutionPolicy>): TaskGraph {
  const builder = new TaskGraphBuilder();
  const input = builder.addJobInput(BYTES);
  for (let task = 0; task < length; task++) {
    builder.addTask({
      kind: testKind(1, policy),
      sources: [
        task === 0 ? { from: 'job-input', input } : { from: 'task', task: task - 1, position: 0 },
      ],
    });
  }
  return builder.build();
}

/** So many tasks that depend on nothing, and one job input that all of them take. */
export function flat(count: number, policy?: Partial<ExecutionPolicy>): TaskGraph {
  const builder = new TaskGraphBuilder();
  const input = builder.addJobInput(BYTES);
  for (let task = 0; task < count; task++) {
    builder.addTask({ kind: testKind(1, policy), sources: [{ from: 'job-input', input }] });
  }
  return builder.build();
}

/** Two tasks, then one that takes both outputs. */
export function diamond(policy?: Partial<ExecutionPolicy>): TaskGraph {
  const builder = new TaskGraphBuilder();
  const input = builder.addJobInput(BYTES);
  for (let task = 0; task < 2; task++) {
    builder.addTask({ kind: testKind(1, policy), sources: [{ from: 'job-input', input }] });
  }
  builder.addTask({
    kind: testKind(2, policy),
    sources: [
      { from: 'task', task: 0, position: 0 },
      { from: 'task', task: 1, position: 0 },
    ],
  });
  return builder.build();
}

/** One task, then a commit task; and a cleanup task for when it is cancelled. */
export function withTermination(): TaskGraph {
  const builder = new TaskGraphBuilder();
  const input = builder.addJobInput(BYTES);
  builder.addTask({ kind: testKind(1), sources: [{ from: 'job-input', input }] });
  const policy = DEFAULT_EXECUTION_POLICY;
  builder.setCommitTask({ packageName: 'test', functionName: 'commit', policy });
  builder.setCleanupTask({ packageName: 'test', functionName: 'cleanup', policy });
  return builder.build();
}

export const encoded = (graph: TaskGraph): Uint8Array => encodeTaskGraph(graph);
