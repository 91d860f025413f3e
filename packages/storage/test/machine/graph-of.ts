import {
  DEFAULT_EXECUTION_POLICY,
  TaskGraphBuilder,
  type ExecutionPolicy,
  type TaskGraph,
  type TaskSource,
  type TerminationTask,
  type TypeDescriptor,
} from '@spider/core';

const INT8: TypeDescriptor = { shared: false, value: { type: 'int8' } };

/** A task of a test graph. */
export interface TestTask {
  /** Tasks whose first output it takes, or sources in full. Default: none. */
  readonly from?: readonly (number | TaskSource)[];
  readonly after?: readonly number[];
  /** How many outputs it has. Default: 1. */
  readonly outputs?: number;
  readonly policy?: Partial<ExecutionPolicy>;
}

export interface TestGraphOptions {
  readonly commit?: boolean;
  readonly cleanup?: boolean;
  /** Of commit and cleanup task. */
  readonly policy?: Partial<ExecutionPolicy>;
  readonly jobInputs?: number;
  readonly constants?: readonly Uint8Array[];
  /** Tasks whose first outputs are the job's. Default: the graph's own choice. */
  readonly jobOutputs?: readonly number[];
}

/** A task graph in a line or two. All values are int8, and task t is the function `task_t`. */
export function graphOf(tasks: readonly TestTask[], options: TestGraphOptions = {}): TaskGraph {
  const builder = new TaskGraphBuilder();
  for (let i = 0; i < (options.jobInputs ?? 0); i++) builder.addJobInput(INT8);
  for (const constant of options.constants ?? []) builder.addConstant(constant);
  tasks.forEach(({ from = [], after = [], outputs = 1, policy }, index) => {
    builder.addTask({
      kind: {
        packageName: 'testing',
        functionName: `task_${index}`,
        inputs: from.map(() => INT8),
        outputs: Array.from({ length: outputs }, () => INT8),
        policy: { ...DEFAULT_EXECUTION_POLICY, ...policy },
      },
      sources: from.map((source) =>
        typeof source === 'number' ? { from: 'task', task: source, position: 0 } : source,
      ),
      after,
    });
  });
  if (options.commit === true) builder.setCommitTask(termination('commit', options.policy));
  if (options.cleanup === true) builder.setCleanupTask(termination('cleanup', options.policy));
  if (options.jobOutputs !== undefined) {
    builder.setJobOutputs(options.jobOutputs.map((task) => ({ task, position: 0 })));
  }
  return builder.build();
}

function termination(
  functionName: string,
  policy: Partial<ExecutionPolicy> | undefined,
): TerminationTask {
  return {
    packageName: 'testing',
    functionName,
    policy: { ...DEFAULT_EXECUTION_POLICY, ...policy },
  };
}
