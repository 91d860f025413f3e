import { encodeFrame } from '@spider/core';
import { compareOutputs } from './evaluate-graph.ts';
import { packFloat64, unpackFloat64 } from './float64.ts';
import type { Workload } from './workload.ts';

const CANNED = 1;

/** What is reported of every task where nobody runs them: a wire frame of one float64. */
export const CANNED_OUTPUTS: Uint8Array = encodeFrame([packFloat64(CANNED)]);

/** @throws Error unless all the outputs of a job are the ones that were reported. */
export function verifyCannedOutputs(
  outputs: readonly Uint8Array[],
  { name, expected }: Workload,
): void {
  const canned = new Float64Array(expected.length).fill(CANNED);
  const difference = compareOutputs(outputs.map(unpackFloat64), canned);
  if (difference !== undefined) throw new Error(`${name}: ${difference}`);
}
