import { definePackage, defineTask, float64, repeat, type TaskDefinition } from '@spider/tdl';

/** What a neuron takes in: one output each of this many neurons. */
export const NEURON_INPUTS = 25;

const BIAS = 0.5;
const WEIGHTS = Array.from({ length: NEURON_INPUTS }, (_, k) => (k + 1) * 0.01 * (-1) ** k);

const relu = (x: number): number => Math.max(0, x);
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const identity = (x: number): number => x;

export const denseRelu = neuron('neuron::dense_relu', relu);
export const denseSigmoid = neuron('neuron::dense_sigmoid', sigmoid);
export const denseIdentity = neuron('neuron::dense_identity', identity);

export default definePackage({
  name: 'nn',
  version: '0.1.0',
  tasks: [denseRelu, denseSigmoid, denseIdentity],
});

type Inputs = ReturnType<typeof repeat<typeof float64, typeof NEURON_INPUTS>>;

/** The activation of the bias and the weighted sum of the inputs, added in their order. */
function neuron(
  name: string,
  activation: (x: number) => number,
): TaskDefinition<Inputs, readonly [typeof float64]> {
  return defineTask({
    name,
    inputs: repeat(float64, NEURON_INPUTS),
    outputs: [float64],
    // An executor that is killed under a task costs the task one of these.
    policy: { retries: 3 },
    run: (_context, ...inputs) => activation(weightedSum(inputs)),
  });
}

function weightedSum(inputs: readonly number[]): number {
  let sum = BIAS;
  for (let k = 0; k < NEURON_INPUTS; k++) sum += (WEIGHTS[k] ?? 0) * (inputs[k] ?? 0);
  return sum;
}
