import { SeededRng } from '@spider/runtime';

/** Inputs of one neuron. */
export const FAN_IN = 25;

export type Activation = 'relu' | 'sigmoid' | 'identity';
const ACTIVATIONS: readonly Activation[] = ['relu', 'sigmoid', 'identity'];

/** The layers take turns. */
export const activationOf = (layer: number): Activation =>
  ACTIVATIONS[layer % ACTIVATIONS.length] ?? 'identity';

/** A layered network whose wiring and inputs are drawn from a seed. */
export interface Network {
  readonly layers: number;
  /** Neurons of a layer. */
  readonly width: number;
  /** FAN_IN values for each neuron of the first layer. */
  readonly inputs: Float64Array;
  /** For each neuron of the second layer and beyond, FAN_IN distinct neurons of the layer before. */
  readonly sources: Uint32Array;
}

/**
 * Draws a network. Equal arguments give equal networks.
 *
 * @throws RangeError if there are no layers, or fewer neurons in one than a neuron has inputs.
 */
export function drawNetwork(layers: number, width: number, seed: number): Network {
  if (!(layers >= 1)) throw new RangeError(`layers: expected at least 1, got ${layers}`);
  if (!(width >= FAN_IN)) throw new RangeError(`width: expected at least ${FAN_IN}, got ${width}`);
  const rng = new SeededRng(seed);
  const inputs = Float64Array.from({ length: width * FAN_IN }, () => rng.float() * 2 - 1);
  const sources = new Uint32Array((layers - 1) * width * FAN_IN);
  // The first FAN_IN cards of a deck that is shuffled just so far.
  const deck = Uint32Array.from({ length: width }, (_, neuron) => neuron);
  for (let first = 0; first < sources.length; first += FAN_IN) {
    for (let card = 0; card < FAN_IN; card++) {
      const other = card + (rng.uint32() % (width - card));
      const drawn = deck[other] ?? 0;
      deck[other] = deck[card] ?? 0;
      deck[card] = drawn;
      sources[first + card] = drawn;
    }
  }
  return { layers, width, inputs, sources };
}

/**
 * Computes the last layer's outputs without Spider: what the job's outputs are compared with. The
 * formula is written out anew here, so that a mistake in the tasks shows.
 */
export function evaluateNetwork({ layers, width, inputs, sources }: Network): Float64Array {
  let before = new Float64Array(0);
  for (let layer = 0; layer < layers; layer++) {
    const outputs = new Float64Array(width);
    for (let neuron = 0; neuron < width; neuron++) {
      const first = ((layer - 1) * width + neuron) * FAN_IN;
      let sum = 0.5;
      for (let k = 0; k < FAN_IN; k++) {
        const x = layer === 0 ? inputs[neuron * FAN_IN + k] : before[sources[first + k] ?? 0];
        sum += (k + 1) * 0.01 * (k % 2 === 0 ? 1 : -1) * (x ?? Number.NaN);
      }
      outputs[neuron] = ACTIVATE[activationOf(layer)](sum);
    }
    before = outputs;
  }
  return before;
}

const ACTIVATE: Record<Activation, (x: number) => number> = {
  relu: (x) => Math.max(0, x),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  identity: (x) => x,
};

/**
 * Compares outputs with those expected, allowing 1e-12·max(1, |x|) for the order of operations.
 *
 * @returns what is wrong, or undefined if nothing is.
 */
export function compareOutputs(
  actual: readonly number[],
  expected: Float64Array,
): string | undefined {
  if (actual.length !== expected.length) {
    return `got ${actual.length} outputs, expected ${expected.length}`;
  }
  for (const [neuron, wanted] of expected.entries()) {
    const got = actual[neuron] ?? Number.NaN;
    if (!(Math.abs(got - wanted) <= 1e-12 * Math.max(1, Math.abs(wanted)))) {
      return `output ${neuron} is ${got}, expected ${wanted}`;
    }
  }
  return undefined;
}
