import { encodeFrame, type TaskGraph } from '@spider/core';
import { evaluateGraph } from './evaluate-graph.ts';
import { packFloat64 } from './float64.ts';

/** A job whose outputs are known. */
export interface Workload {
  readonly name: string;
  readonly graph: TaskGraph;
  readonly edges: number;
  /** A wire frame. */
  readonly inputs: Uint8Array;
  /** One for each job output. */
  readonly expected: Float64Array;
}

/** A graph of the `testing` package's tasks. Its inputs are 0, 1, 2 … and again from 0 after 9. */
export function floatWorkload(name: string, graph: TaskGraph): Workload {
  const inputs = Float64Array.from(graph.jobInputs, (_, input) => input % 10);
  return {
    name,
    graph,
    edges: graph.child.length,
    inputs: encodeFrame(Array.from(inputs, packFloat64)),
    expected: evaluateGraph(graph, inputs),
  };
}
