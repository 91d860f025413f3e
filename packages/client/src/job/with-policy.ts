import {
  applyPolicyOptions,
  type ExecutionPolicy,
  type TaskPolicyOptions,
  type TaskSignature,
  type Types,
} from '@spider/core';

/**
 * The same task under another policy, for the places of a graph that need it. What the options leave
 * out stays as the task has it.
 *
 * Call it once and use the result as often as needed: each result is a kind of task of its own.
 *
 * @throws SpiderError 'invalid-argument' if the policy is out of bounds or contradicts itself.
 *
 * @example
 *   const patient = withPolicy(fetchPage, { retries: 5, hardTimeoutMs: 600_000 });
 *   graph.task(patient, url);
 */
export function withPolicy<Inputs extends Types, Outputs extends Types>(
  task: TaskSignature<Inputs, Outputs>,
  options: TaskPolicyOptions,
): TaskSignature<Inputs, Outputs> {
  return new TaskUnderPolicy(task, applyPolicyOptions(options, task.policy));
}

class TaskUnderPolicy<Inputs extends Types, Outputs extends Types> implements TaskSignature<
  Inputs,
  Outputs
> {
  readonly policy: ExecutionPolicy;
  readonly #task: TaskSignature<Inputs, Outputs>;

  constructor(task: TaskSignature<Inputs, Outputs>, policy: ExecutionPolicy) {
    this.policy = policy;
    this.#task = task;
  }

  /** Known only when a package has listed the task, which may be later. */
  get packageName(): string {
    return this.#task.packageName;
  }

  get functionName(): string {
    return this.#task.functionName;
  }

  get inputs(): Inputs {
    return this.#task.inputs;
  }

  get outputs(): Outputs {
    return this.#task.outputs;
  }
}
