import {
  applyPolicyOptions,
  type TaskPolicyOptions,
  type TaskSignature,
  type Types,
} from '@spider/core';

export interface ExternalTaskOptions<Inputs extends Types, Outputs extends Types> {
  /** The package that executors load it from. */
  readonly packageName: string;
  /** Its name in that package, such as `math::add`. */
  readonly functionName: string;
  readonly inputs: Inputs;
  readonly outputs: Outputs;
  /** How often and how long it may run; see `TaskPolicyOptions` for the defaults. */
  readonly policy?: TaskPolicyOptions;
}

/**
 * A task whose code is not at hand: written in another language, or in a package that the client does
 * not import. Names and types are taken as given; the task itself must agree with them.
 *
 * @throws SpiderError 'invalid-argument' if the policy is out of bounds or contradicts itself.
 */
export function externalTask<const Inputs extends Types, const Outputs extends Types>(
  options: ExternalTaskOptions<Inputs, Outputs>,
): TaskSignature<Inputs, Outputs> {
  const { packageName, functionName, inputs, outputs, policy = {} } = options;
  return { packageName, functionName, inputs, outputs, policy: applyPolicyOptions(policy) };
}
