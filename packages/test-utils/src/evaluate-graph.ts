import { COMMIT_TASK_INDEX, SOURCE_CONSTANT, SOURCE_JOB_INPUT, type TaskGraph } from '@spider/core';

/** What a task computes: encoded inputs in, encoded outputs out. */
export type TaskFunction = (inputs: readonly Uint8Array[]) => readonly Uint8Array[];

/**
 * Runs a graph in one thread, task after task: what a cluster's outputs are compared with. Commit and
 * cleanup tasks do not count, as their outputs are ignored.
 *
 * @param functions by `package/function`.
 * @returns the job's outputs, encoded.
 */
export function evaluateGraph(
  graph: TaskGraph,
  jobInputs: readonly Uint8Array[],
  functions: ReadonlyMap<string, TaskFunction>,
): Uint8Array[] {
  const slots: Uint8Array[] = [];
  const inputOf = (edge: number): Uint8Array => {
    const task = graph.sourceTask[edge] ?? COMMIT_TASK_INDEX;
    const position = graph.sourceSlot[edge] ?? 0;
    if (task === SOURCE_JOB_INPUT) return present(jobInputs[position], `job input ${position}`);
    if (task === SOURCE_CONSTANT) return present(graph.constants[position], `constant ${position}`);
    return present(slots[(graph.outputOffset[task] ?? 0) + position], `output of task ${task}`);
  };
  for (let task = 0; task < graph.taskCount; task++) {
    const kind = present(graph.kinds[graph.taskKind[task] ?? 0], `kind of task ${task}`);
    const name = `${kind.packageName}/${kind.functionName}`;
    const run = present(functions.get(name), `function ${name}`);
    const inputs: Uint8Array[] = [];
    for (
      let edge = graph.inputOffset[task] ?? 0;
      edge < (graph.inputOffset[task + 1] ?? 0);
      edge++
    ) {
      inputs.push(inputOf(edge));
    }
    const outputs = run(inputs);
    if (outputs.length !== kind.outputs.length) {
      throw new Error(`${name} gave ${outputs.length} outputs, not ${kind.outputs.length}`);
    }
    slots.push(...outputs);
  }
  return [...graph.jobOutputSlots].map((slot) => present(slots[slot], `output slot ${slot}`));
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the graph has no ${what}`);
  return value;
}
