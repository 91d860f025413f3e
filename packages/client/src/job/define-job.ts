import {
  appendValues,
  decodeValues,
  LIMITS,
  MsgpackWriter,
  type TaskGraph,
  type Types,
  type ValuesOf,
} from '@spider/core';
import type { JobPolicyOptions } from '../job-policy.ts';
import type { JobGraph } from './job-graph.ts';
import { type BuiltJob, JobGraphBuilder } from './job-graph-builder.ts';
import type { Value, Values } from './value.ts';

/** A job that can be submitted any number of times, with other inputs each time. */
export interface JobDefinition<Inputs extends Types = Types, Outputs = readonly unknown[]> {
  readonly graph: TaskGraph;
  readonly inputTypes: Inputs;
  /** How the job is run, unless a submission says otherwise. */
  readonly policy: JobPolicyOptions;
  /**
   * The wire frame that is submitted with the graph.
   *
   * @throws SpiderError 'invalid-argument' if a value is missing or of another type.
   */
  encodeInputs(inputs: ValuesOf<Inputs>): Uint8Array;
  /** Reads the wire frame of the job's outputs. */
  decodeOutputs(frame: Uint8Array): Outputs;
}

/** What a job's author may return: its outputs, or nothing for the default ones. */
export type ChosenOutputs = readonly Value<unknown>[] | void;

/** The values that a job's outputs will be. */
export type OutputValues<Chosen extends ChosenOutputs> = Chosen extends readonly Value<unknown>[]
  ? { readonly [K in keyof Chosen]: Chosen[K] extends Value<infer T> ? T : never }
  : readonly unknown[];

/** More job inputs than that are not passed one by one: no call takes so many arguments. */
const ARGUMENTS_MAX = 50_000;

/**
 * Puts a job together.
 *
 * @param inputs the types of the job's inputs.
 * @param build is called once, at once: it adds the job's tasks to the graph and returns the job's
 * outputs. If it returns nothing, these are all outputs of the tasks that give no input to another.
 * The job's inputs are its further arguments, up to 50,000 of them; `graph.inputs` has them all.
 * @param policy how the job is run, unless a submission says otherwise.
 * @throws SpiderError 'invalid-argument' naming the task and rule if the graph is not valid.
 *
 * @example
 *   const job = defineJob([float64, float64], (graph, x, y) => {
 *     const sum = graph.task(add, x, y);
 *     return [graph.task(multiply, sum, sum)];
 *   });
 */
export function defineJob<
  const Inputs extends Types,
  const Chosen extends ChosenOutputs = ChosenOutputs,
>(
  inputs: Inputs,
  build: (graph: JobGraph<Inputs>, ...inputs: Values<Inputs>) => Chosen,
  policy: JobPolicyOptions = {},
): JobDefinition<Inputs, OutputValues<Chosen>> {
  const builder = new JobGraphBuilder(inputs);
  const passed = inputs.length > ARGUMENTS_MAX ? [] : builder.inputs;
  // The nodes of the builder carry no types; what the types promise of them is checked in defineJob's
  // own signature, and by the builder at run time.
  const untyped = build as unknown as (
    graph: JobGraphBuilder,
    ...inputs: readonly unknown[]
  ) => unknown;
  const built = builder.build(untyped(builder, ...passed));
  return new BuiltJobDefinition<Inputs, OutputValues<Chosen>>(inputs, built, policy);
}

class BuiltJobDefinition<Inputs extends Types, Outputs> implements JobDefinition<Inputs, Outputs> {
  readonly inputTypes: Inputs;
  readonly policy: JobPolicyOptions;
  readonly #built: BuiltJob;

  constructor(inputTypes: Inputs, built: BuiltJob, policy: JobPolicyOptions) {
    this.inputTypes = inputTypes;
    this.policy = policy;
    this.#built = built;
  }

  get graph(): TaskGraph {
    return this.#built.graph;
  }

  encodeInputs(inputs: ValuesOf<Inputs>): Uint8Array {
    const writer = new MsgpackWriter(1024, LIMITS.submissionBytes);
    appendValues(writer, this.inputTypes, inputs, 'job input');
    return writer.toBytes();
  }

  decodeOutputs(frame: Uint8Array): Outputs {
    const { outputTypes, outputPositions } = this.#built;
    const values = decodeValues(outputTypes, frame, 'job output');
    return outputPositions.map((position) => values[position]) as Outputs;
  }
}
