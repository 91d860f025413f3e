import { defineJob, type JobDefinition, type Value } from '@spider/client';
import { float64, type Type } from '@spider/tdl';
import { denseIdentity, denseRelu, denseSigmoid } from './index.ts';
import { activationOf, FAN_IN, type Network } from './network.ts';

const TASKS = { relu: denseRelu, sigmoid: denseSigmoid, identity: denseIdentity };

/** A job with a task for each neuron. Its inputs are the network's, its outputs the last layer's. */
export function networkJob(
  network: Network,
): JobDefinition<readonly Type<number>[], readonly number[]> {
  const { layers, width, sources } = network;
  const inputTypes = Array.from(network.inputs, () => float64);
  return defineJob(inputTypes, (graph) => {
    let before: readonly Value<number>[] = graph.inputs;
    for (let layer = 0; layer < layers; layer++) {
      const task = TASKS[activationOf(layer)];
      const first = (layer - 1) * width * FAN_IN;
      const sourcesOf = (neuron: number): Value<number>[] => {
        const own = neuron * FAN_IN;
        if (layer === 0) return before.slice(own, own + FAN_IN);
        return Array.from(sources.subarray(first + own, first + own + FAN_IN), (source) => {
          const value = before[source];
          if (value === undefined) throw new RangeError(`layer ${layer} has no source ${source}`);
          return value;
        });
      };
      before = Array.from({ length: width }, (_, neuron) =>
        graph.taskFrom(task, sourcesOf(neuron)),
      );
    }
    return before;
  });
}
