import {
  failedPrecondition,
  invalidArgument,
  LIMITS,
  SOURCE_CONSTANT,
  SOURCE_JOB_INPUT,
  SpiderError,
  type TaskGraph,
  TaskGraphBuilder,
  type TaskSignature,
  type TerminationTask,
  type Type,
  type Types,
} from '@spider/core';
import { ConstantTable } from './constant-table.ts';
import { soleValue, TaskNode, ValueNode } from './graph-node.ts';

/** A graph, and how the job's outputs are found in what comes back. */
export interface BuiltJob {
  readonly graph: TaskGraph;
  /** The type of each job output of the graph. */
  readonly outputTypes: Types;
  /** For each output that the author asked for its position among those of the graph. */
  readonly outputPositions: readonly number[];
}

/** What a `JobGraph` is when it runs: it knows no types, only numbers. */
export class JobGraphBuilder {
  readonly inputs: readonly ValueNode[];
  readonly #builder = new TaskGraphBuilder();
  readonly #constants = new ConstantTable(this.#builder);
  readonly #kinds = new Map<TaskSignature, number>();
  /** The types of the outputs of each kind of task. */
  readonly #kindOutputs: Types[] = [];
  #isBuilt = false;

  constructor(inputTypes: Types) {
    this.inputs = inputTypes.map((type) => {
      const input = this.#builder.addJobInput(type.descriptor);
      return new ValueNode(this.#builder, SOURCE_JOB_INPUT, input, type);
    });
  }

  task(signature: TaskSignature, ...sources: readonly unknown[]): TaskNode {
    return this.taskFrom(signature, sources);
  }

  taskFrom(signature: TaskSignature, sources: readonly unknown[]): TaskNode {
    this.#checkOpen();
    checkSignature(signature);
    const { functionName, inputs, outputs } = signature;
    try {
      const kind = this.#kindOf(signature);
      if (sources.length !== inputs.length) {
        throw invalidArgument(`it has ${inputs.length} inputs, but ${sources.length} sources`);
      }
      this.#builder.beginTask(kind);
      this.#addSources(inputs, sources);
      return new TaskNode(this.#builder, this.#builder.endTask(), functionName, outputs);
    } catch (error) {
      throw inContext(functionName, error);
    }
  }

  commitTask(signature: TaskSignature): void {
    this.#checkOpen();
    this.#builder.setCommitTask(terminationTask(signature));
  }

  cleanupTask(signature: TaskSignature): void {
    this.#checkOpen();
    this.#builder.setCleanupTask(terminationTask(signature));
  }

  /** @param outputs what the author's function returned. */
  build(outputs: unknown): BuiltJob {
    this.#isBuilt = true;
    if (outputs === undefined) return this.#buildWithDefaultOutputs();
    if (!Array.isArray(outputs)) {
      throw invalidArgument(
        'a job is put together by a function that returns its outputs, or nothing',
      );
    }
    const nodes = outputs.map((output: unknown, index) => this.#jobOutput(output, index));
    const positions = new Map<number, number>();
    const distinct: ValueNode[] = [];
    const outputPositions = nodes.map((node) => {
      const key = node.sourceTask * LIMITS.slotsPerTask + node.sourceSlot;
      const position = positions.get(key) ?? distinct.push(node) - 1;
      positions.set(key, position);
      return position;
    });
    this.#builder.setJobOutputs(
      distinct.map((node) => ({ task: node.sourceTask, position: node.sourceSlot })),
    );
    return {
      graph: this.#builder.build(),
      outputTypes: distinct.flatMap((node) => node.type ?? []),
      outputPositions,
    };
  }

  #buildWithDefaultOutputs(): BuiltJob {
    const graph = this.#builder.build();
    const { jobOutputSlots, outputOffset, taskKind } = graph;
    const outputTypes: Type<unknown>[] = [];
    let task = 0;
    // Default outputs come in order of their slots.
    for (const slot of jobOutputSlots) {
      while (slot >= (outputOffset[task + 1] ?? Infinity)) task += 1;
      const type = this.#kindOutputs[taskKind[task] ?? 0]?.[slot - (outputOffset[task] ?? 0)];
      if (type !== undefined) outputTypes.push(type);
    }
    return { graph, outputTypes, outputPositions: [...outputTypes.keys()] };
  }

  #jobOutput(output: unknown, index: number): ValueNode {
    try {
      const node = soleValue(output, this.#builder);
      if (node.sourceTask !== SOURCE_JOB_INPUT) return node;
      throw invalidArgument('this is an input of the job, and only tasks give it outputs');
    } catch (error) {
      throw inContext(`job output ${index}`, error);
    }
  }

  #kindOf(signature: TaskSignature): number {
    const known = this.#kinds.get(signature);
    if (known !== undefined) return known;
    const { packageName, functionName, inputs, outputs, policy } = signature;
    const kind = this.#builder.addKind({
      packageName,
      functionName,
      inputs: inputs.map((type) => type.descriptor),
      outputs: outputs.map((type) => type.descriptor),
      policy,
    });
    this.#kinds.set(signature, kind);
    this.#kindOutputs[kind] ??= outputs;
    return kind;
  }

  #addSources(inputs: Types, sources: readonly unknown[]): void {
    let input = 0;
    try {
      for (const type of inputs) {
        const source = sources[input];
        if (source instanceof ValueNode) {
          const { sourceTask, sourceSlot } = soleValue(source, this.#builder);
          this.#builder.addSource(sourceTask, sourceSlot);
        } else {
          this.#builder.addSource(SOURCE_CONSTANT, this.#constants.add(type, source));
        }
        input += 1;
      }
    } catch (error) {
      if (this.#builder.hasOpenTask) {
        this.#builder.dropTask();
        throw inContext(`input ${input}`, error);
      }
      throw error;
    }
  }

  #checkOpen(): void {
    if (this.#isBuilt) {
      throw failedPrecondition('the job is put together already; its graph takes nothing more');
    }
  }
}

function terminationTask(signature: TaskSignature): TerminationTask {
  checkSignature(signature);
  const { packageName, functionName, inputs, policy } = signature;
  if (inputs.length > 0) {
    throw invalidArgument(`${functionName}: a commit or cleanup task has no inputs of its own`);
  }
  return { packageName, functionName, policy };
}

/** For callers without a compiler, who may hand over the function itself. */
function checkSignature(signature: unknown): void {
  const { inputs, outputs } = (signature ?? {}) as Partial<TaskSignature>;
  if (Array.isArray(inputs) && Array.isArray(outputs)) return;
  throw invalidArgument(
    `a graph is made of tasks from defineTask or externalTask, not of what is a ${typeof signature}`,
  );
}

function inContext(place: string, error: unknown): unknown {
  if (!(error instanceof SpiderError)) return error;
  return new SpiderError(error.code, `${place}: ${error.message}`, { cause: error });
}
