import { invalidArgument, type TaskGraphBuilder, type Type, type Types } from '@spider/core';
import type { TaskHandle } from './value.ts';

/** What stands behind a `Value`: where an input that takes it finds it. */
export class ValueNode {
  /** Whose graph it belongs to. */
  readonly builder: TaskGraphBuilder;
  /** A task, or a SOURCE_ mark of core. */
  readonly sourceTask: number;
  readonly sourceSlot: number;
  readonly type: Type<unknown> | undefined;

  constructor(
    builder: TaskGraphBuilder,
    sourceTask: number,
    sourceSlot: number,
    type: Type<unknown> | undefined,
  ) {
    this.builder = builder;
    this.sourceTask = sourceTask;
    this.sourceSlot = sourceSlot;
    this.type = type;
  }
}

/** A task, which also stands for its output if it has a single one. */
export class TaskNode extends ValueNode {
  readonly functionName: string;
  readonly outputs: Types;

  constructor(builder: TaskGraphBuilder, index: number, functionName: string, outputs: Types) {
    super(builder, index, 0, outputs[0]);
    this.functionName = functionName;
    this.outputs = outputs;
  }

  get index(): number {
    return this.sourceTask;
  }

  out(position: number): ValueNode {
    const type = this.outputs[position];
    if (type === undefined) {
      throw invalidArgument(`${describeTask(this)} has no output ${position}`);
    }
    return new ValueNode(this.builder, this.index, position, type);
  }

  after(...tasks: readonly TaskHandle[]): this {
    for (const task of tasks) {
      if (!(task instanceof TaskNode) || task.builder !== this.builder) {
        throw invalidArgument(`${describeTask(this)} is to run after a task of another graph`);
      }
    }
    for (const task of tasks) this.builder.addOrderEdge(task.index, this.index);
    return this;
  }
}

/**
 * The value a node stands for.
 *
 * @throws SpiderError 'invalid-argument' if it is of another graph, or a task that has not exactly
 * one output.
 */
export function soleValue(node: unknown, builder: TaskGraphBuilder): ValueNode {
  if (!(node instanceof ValueNode)) throw invalidArgument('this is no value of a graph');
  if (node.builder !== builder) throw invalidArgument('this is a value of another graph');
  if (node instanceof TaskNode && node.outputs.length !== 1) {
    const { length } = node.outputs;
    const remedy =
      length === 0 ? 'it can only be waited for, with after()' : 'choose one with out()';
    throw invalidArgument(`${describeTask(node)} has ${length} outputs: ${remedy}`);
  }
  return node;
}

const describeTask = (task: TaskNode): string => `task ${task.index} (${task.functionName})`;
