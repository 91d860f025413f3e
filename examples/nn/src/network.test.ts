import { tuple } from '@spider/tdl';
import { runTask } from '@spider/tdl/testing';
import { describe, expect, it } from 'vitest';
import { denseIdentity, denseRelu, denseSigmoid } from './index.ts';
import { compareOutputs, drawNetwork, evaluateNetwork, FAN_IN, type Network } from './network.ts';

describe('a drawn network', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(drawNetwork(3, 40, 7)).toEqual(drawNetwork(3, 40, 7));
    expect(drawNetwork(3, 40, 8)).not.toEqual(drawNetwork(3, 40, 7));
  });

  it('gives every neuron distinct sources, all of the layer before', () => {
    const { sources } = drawNetwork(4, 30, 1);
    expect(sources).toHaveLength(3 * 30 * FAN_IN);
    for (let first = 0; first < sources.length; first += FAN_IN) {
      const own = sources.slice(first, first + FAN_IN);
      expect(new Set(own).size).toBe(FAN_IN);
      expect(Math.max(...own)).toBeLessThan(30);
    }
  });

  it('needs a layer, and as many neurons in it as one has inputs', () => {
    expect(() => drawNetwork(0, 30, 1)).toThrow('layers');
    expect(() => drawNetwork(1, 24, 1)).toThrow('width');
  });

  it('computes what its tasks compute', async () => {
    const network = drawNetwork(4, 26, 5);
    expect(compareOutputs(await runNetwork(network), evaluateNetwork(network))).toBeUndefined();
  });
});

describe('the comparison of outputs', () => {
  it('allows for rounding, relative to the size of the value', () => {
    const expected = Float64Array.of(1e6, 1);
    expect(compareOutputs([1e6 + 5e-7, 1], expected)).toBeUndefined();
    expect(compareOutputs([1e6, 1 + 5e-12], expected)).toContain('output 1');
  });

  it('misses no missing output and no NaN', () => {
    expect(compareOutputs([1], Float64Array.of(1, 2))).toBe('got 1 outputs, expected 2');
    expect(compareOutputs([Number.NaN], Float64Array.of(1))).toContain('NaN');
  });
});

/** The network's tasks, run one after another in this process through the real encoders. */
async function runNetwork({ width, inputs, sources }: Network): Promise<number[]> {
  let before: number[] = [];
  for (const [layer, task] of [denseRelu, denseSigmoid, denseIdentity, denseRelu].entries()) {
    const outputs: number[] = [];
    for (let neuron = 0; neuron < width; neuron++) {
      const first = (Math.max(0, layer - 1) * width + neuron) * FAN_IN;
      const input = (k: number): number =>
        (layer === 0 ? inputs[first + k] : before[sources[first + k] ?? 0]) ?? Number.NaN;
      outputs.push(await runTask(task, ...tuple(FAN_IN, input)));
    }
    before = outputs;
  }
  return before;
}
