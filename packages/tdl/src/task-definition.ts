import {
  applyPolicyOptions,
  type ExecutionPolicy,
  SpiderError,
  type TaskPolicyOptions,
  type TaskSignature,
  type Type,
  type Types,
  type ValueOf,
  type ValuesOf,
} from '@spider/core';
import type { TaskContext } from './task-context.ts';

/** What a task returns: nothing, the value of its one output, or a tuple of the values of several. */
export type TaskReturn<Outputs extends Types> = Outputs extends readonly []
  ? void
  : Outputs extends readonly [infer Output extends Type<unknown>]
    ? ValueOf<Output>
    : number extends Outputs['length']
      ? ValueOf<Outputs[number]> | readonly ValueOf<Outputs[number]>[]
      : ValuesOf<Outputs>;

/** A task that code in this process can run. */
export interface TaskDefinition<
  Inputs extends Types = Types,
  Outputs extends Types = Types,
> extends TaskSignature<Inputs, Outputs> {
  run(
    context: TaskContext,
    ...inputs: ValuesOf<Inputs>
  ): TaskReturn<Outputs> | Promise<TaskReturn<Outputs>>;
}

export interface TaskOptions<
  Inputs extends Types,
  Outputs extends Types,
  Returned extends TaskReturn<Outputs> = TaskReturn<Outputs>,
> {
  /** Unlike that of any other task of the package, such as `math::add`. */
  readonly name: string;
  readonly inputs: Inputs;
  readonly outputs: Outputs;
  /** How often and how long it may run, unless a graph says otherwise. */
  readonly policy?: TaskPolicyOptions;

  /**
   * The work itself. It may run more than once for one task, at the same time even: give it no effect
   * that must not happen twice. Without a promise it runs faster.
   */
  run(context: TaskContext, ...inputs: ValuesOf<Inputs>): Returned | Promise<Returned>;
}

/**
 * Defines a task by the types of its inputs and outputs and the function that does the work. It can be
 * put into graphs once a package lists it; see `definePackage`.
 *
 * @throws SpiderError 'invalid-argument' if the policy is out of bounds or contradicts itself.
 */
export function defineTask<
  const Inputs extends Types,
  const Outputs extends Types,
  const Returned extends TaskReturn<Outputs>,
>(options: TaskOptions<Inputs, Outputs, Returned>): TaskDefinition<Inputs, Outputs> {
  return new DefinedTask(options);
}

/** What `defineTask` makes; `definePackage` tells it its package. */
export class DefinedTask<
  Inputs extends Types = Types,
  Outputs extends Types = Types,
> implements TaskDefinition<Inputs, Outputs> {
  readonly functionName: string;
  readonly inputs: Inputs;
  readonly outputs: Outputs;
  readonly policy: ExecutionPolicy;
  readonly run: TaskDefinition<Inputs, Outputs>['run'];
  #packageName: string | undefined;

  constructor(options: TaskOptions<Inputs, Outputs>) {
    this.functionName = options.name;
    this.inputs = options.inputs;
    this.outputs = options.outputs;
    this.policy = applyPolicyOptions(options.policy ?? {});
    this.run = (context, ...inputs) => options.run(context, ...inputs);
  }

  get packageName(): string {
    if (this.#packageName !== undefined) return this.#packageName;
    throw new SpiderError(
      'failed-precondition',
      `task ${this.functionName} belongs to no package: list it in definePackage({ tasks: […] })`,
    );
  }

  /** @throws SpiderError 'already-exists' if another package has it. */
  joinPackage(name: string): void {
    if (this.#packageName !== undefined) {
      throw new SpiderError(
        'already-exists',
        `task ${this.functionName} is in package ${this.#packageName} already`,
      );
    }
    this.#packageName = name;
  }
}
