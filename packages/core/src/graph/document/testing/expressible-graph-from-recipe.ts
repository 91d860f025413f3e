import type { TypeDescriptor, ValueType } from '../../../value/type-descriptor.ts';
import { TaskGraphBuilder } from '../../task-graph-builder.ts';
import {
  DEFAULT_EXECUTION_POLICY,
  type ExecutionPolicy,
  type TaskGraph,
  type TerminationTask,
} from '../../task-graph.ts';
import type { TaskOutput, TaskSource } from '../../task-spec.ts';

const NAMES = ['p', 'neuron::dense', '', 'größe "a"\\\n\u0000', '😀'];
const VALUE_TYPES: readonly ValueType[] = [
  { type: 'int8' },
  { type: 'int64' },
  { type: 'float32' },
  { type: 'float64' },
  { type: 'boolean' },
  { type: 'bytes' },
  { type: 'struct', name: 'Point' },
  { type: 'struct', name: 'Option<"ß">' },
  { type: 'list', element: { type: 'list', element: { type: 'int16' } } },
  { type: 'map', key: { type: 'bytes' }, value: { type: 'int32' } },
  { type: 'map', key: { type: 'int32' }, value: { type: 'list', element: { type: 'bytes' } } },
];
const POLICIES: readonly ExecutionPolicy[] = [
  DEFAULT_EXECUTION_POLICY,
  { maxRetries: 4_294_967_295, maxInstances: 1, softTimeoutMs: 100, hardTimeoutMs: 101 },
  { ...DEFAULT_EXECUTION_POLICY, maxInstances: 4_294_967_295, hardTimeoutMs: 86_400_000 },
];

/**
 * As `graphFromRecipe`, but of graphs that the reference's schema can express: a task takes all its
 * inputs from the job, in order, or all from tasks.
 */
export function expressibleGraphFromRecipe(recipe: readonly number[]): TaskGraph {
  const builder = new TaskGraphBuilder();
  const outputs: Output[] = [];
  let next = 0;
  const choose = (options: number): number => (recipe[next++] ?? 0) % options;

  const commitTask = chooseTerminationTask(choose);
  const cleanupTask = chooseTerminationTask(choose);
  if (commitTask) builder.setCommitTask(commitTask);
  if (cleanupTask) builder.setCleanupTask(cleanupTask);
  while (next < recipe.length) addTask(builder, outputs, choose);
  return builder.build();
}

type Choose = (options: number) => number;

interface Output extends TaskOutput {
  readonly type: TypeDescriptor;
}

function addTask(builder: TaskGraphBuilder, outputs: Output[], choose: Choose): void {
  const isFromJob = outputs.length === 0 || choose(3) === 0;
  const sources = Array.from({ length: choose(4) }, () =>
    isFromJob ? addJobInput(builder, choose) : chooseOutput(outputs, choose),
  );
  const outputTypes = Array.from({ length: choose(4) }, () => chooseType(choose));
  const task = builder.addTask({
    kind: {
      packageName: chooseName(choose),
      functionName: chooseName(choose),
      inputs: sources.map((source) => source.type),
      outputs: outputTypes,
      policy: choosePolicy(choose),
    },
    sources: sources.map((source) => source.source),
  });
  outputs.push(...outputTypes.map((type, position) => ({ task, position, type })));
}

function addJobInput(
  builder: TaskGraphBuilder,
  choose: Choose,
): { source: TaskSource; type: TypeDescriptor } {
  const type = chooseType(choose);
  return { source: { from: 'job-input', input: builder.addJobInput(type) }, type };
}

function chooseOutput(
  outputs: readonly Output[],
  choose: Choose,
): { source: TaskSource; type: TypeDescriptor } {
  const output = outputs[choose(outputs.length)];
  if (!output) throw new RangeError('there is no output to choose from');
  const { task, position, type } = output;
  return { source: { from: 'task', task, position }, type };
}

function chooseTerminationTask(choose: Choose): TerminationTask | undefined {
  const form = choose(3);
  if (form === 0) return undefined;
  const names = { packageName: chooseName(choose), functionName: chooseName(choose) };
  return form === 1
    ? { ...names, policy: DEFAULT_EXECUTION_POLICY }
    : { ...names, policy: choosePolicy(choose), hasExplicitPolicy: true };
}

const chooseType = (choose: Choose): TypeDescriptor => ({
  shared: choose(2) === 1,
  value: VALUE_TYPES[choose(VALUE_TYPES.length)] ?? { type: 'bytes' },
});

const chooseName = (choose: Choose): string => NAMES[choose(NAMES.length)] ?? '';

const choosePolicy = (choose: Choose): ExecutionPolicy =>
  POLICIES[choose(POLICIES.length)] ?? DEFAULT_EXECUTION_POLICY;
