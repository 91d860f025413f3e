import type { InstanceLot } from '../machine/instance-lot.ts';
import { longestRequest, requestLength } from './execute-frames.ts';

/**
 * Takes those instances out of a lot whose requests are larger than an executor reads. Most lots
 * have none and are answered as they are.
 *
 * @param messageBytes what the body of a request may have.
 * @param onOversized is told the position of each in the lot that was given, and what to say of it.
 */
export function withoutOversized(
  lot: InstanceLot,
  messageBytes: number,
  onOversized: (position: number, message: string) => void,
): InstanceLot {
  if (longestRequest(lot) <= messageBytes) return lot;
  const kept: number[] = [];
  for (let position = 0; position < lot.taskIndexes.length; position += 1) {
    const length = requestLength(lot, position, messageBytes);
    if (length <= messageBytes) kept.push(position);
    else {
      onOversized(
        position,
        `the inputs are too large: the request to the executor has ${length} bytes, more than ` +
          `the ${messageBytes} that one may have`,
      );
    }
  }
  return kept.length === lot.taskIndexes.length ? lot : only(lot, kept);
}

function only(lot: InstanceLot, positions: readonly number[]): InstanceLot {
  const pick = (column: readonly number[]): number[] =>
    positions.map((position) => column[position] as number);
  const inputs = positions.map((position) =>
    lot.inputs.subarray(lot.inputOffsets[position], lot.inputOffsets[position + 1]),
  );
  let end = 0;
  return {
    ...lot,
    taskIndexes: pick(lot.taskIndexes),
    instanceOffsets: pick(lot.instanceOffsets),
    kindPositions: pick(lot.kindPositions),
    inputs: Buffer.concat(inputs),
    inputOffsets: Uint32Array.from([0, ...inputs.map((bytes) => (end += bytes.length))]),
  };
}
