import { TaskGraphBuilder } from '../task-graph-builder.ts';
import type { TaskOutput, TaskSource } from '../task-spec.ts';
import { DEFAULT_EXECUTION_POLICY, type TaskGraph, type TerminationTask } from '../task-graph.ts';
import type { TypeDescriptor } from '../../value/type-descriptor.ts';

const FLOAT64: TypeDescriptor = { shared: false, value: { type: 'float64' } };
const TYPES: readonly TypeDescriptor[] = [
  FLOAT64,
  { shared: true, value: { type: 'float64' } },
  { shared: false, value: { type: 'map', key: { type: 'bytes' }, value: { type: 'int8' } } },
];

/**
 * Reads any list of natural numbers as the recipe of a valid task graph: a property test draws the
 * numbers and shrinks them, and so draws and shrinks graphs. A longer list gives a bigger graph.
 *
 * All shapes occur: several outputs, all kinds of sources (several from the same task), ordering
 * edges, chosen job outputs, termination tasks.
 */
export function graphFromRecipe(recipe: readonly number[]): TaskGraph {
  const builder = new TaskGraphBuilder();
  const outputs: Output[] = [];
  let next = 0;
  const choose = (options: number): number => (recipe[next++] ?? 0) % options;

  const hasCommitTask = choose(2) === 1;
  const hasCleanupTask = choose(2) === 1;
  const choosesOutputs = choose(3) === 1;
  while (next < recipe.length) addTask(builder, outputs, choose);
  if (hasCommitTask) builder.setCommitTask(terminationTask('commit'));
  if (hasCleanupTask) builder.setCleanupTask(terminationTask('cleanup'));
  if (choosesOutputs) builder.setJobOutputs(outputs.filter((output) => output.task % 2 === 0));
  return builder.build();
}

interface Output extends TaskOutput {
  readonly type: TypeDescriptor;
}

function addTask(
  builder: TaskGraphBuilder,
  outputs: Output[],
  choose: (options: number) => number,
): void {
  const sources = Array.from({ length: choose(4) }, () => chooseSource(builder, outputs, choose));
  const outputTypes = Array.from({ length: choose(4) }, () => chooseType(choose));
  const task = builder.addTask({
    kind: {
      packageName: `package${choose(2)}`,
      functionName: 'function',
      inputs: sources.map((source) => source.type),
      outputs: outputTypes,
      policy: {
        ...DEFAULT_EXECUTION_POLICY,
        maxRetries: choose(3),
        ...(choose(4) === 0 && { retryDelayMs: 1 + choose(1000) }),
      },
    },
    sources: sources.map((source) => source.source),
    after: Array.from({ length: builder.taskCount && choose(3) }, () => choose(builder.taskCount)),
  });
  outputs.push(...outputTypes.map((type, position) => ({ task, position, type })));
}

function chooseSource(
  builder: TaskGraphBuilder,
  outputs: readonly Output[],
  choose: (options: number) => number,
): { source: TaskSource; type: TypeDescriptor } {
  const kind = choose(4);
  const output = outputs[outputs.length - 1 - choose(Math.max(outputs.length, 1))];
  if (kind < 2 && output) {
    return { source: { from: 'task', ...output }, type: output.type };
  }
  const type = chooseType(choose);
  if (kind === 2) {
    const constant = builder.addConstant(Uint8Array.of(0xcc, choose(256)));
    return { source: { from: 'constant', constant }, type };
  }
  return { source: { from: 'job-input', input: builder.addJobInput(type) }, type };
}

const chooseType = (choose: (options: number) => number): TypeDescriptor =>
  TYPES[choose(TYPES.length)] ?? FLOAT64;

const terminationTask = (functionName: string): TerminationTask => ({
  packageName: 'package0',
  functionName,
  policy: DEFAULT_EXECUTION_POLICY,
});
