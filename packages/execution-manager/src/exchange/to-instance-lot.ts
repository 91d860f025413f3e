import { type TaskContexts } from '@spider/proto';
import type { InstanceKinds } from '../machine/instance-kind.ts';
import type { InstanceLot } from '../machine/instance-lot.ts';

const MILLISECONDS_MIN = 1;

/** Takes checked contexts from the wire. Arrays are taken as they are, not copied. */
export function toInstanceLot(
  contexts: TaskContexts,
  kinds: InstanceKinds,
  arrivedUs: number,
): InstanceLot {
  const { instances, inputLengths } = contexts;
  const inputOffsets = new Uint32Array(inputLengths.length + 1);
  let offset = 0;
  for (let i = 0; i < inputLengths.length; i += 1) {
    offset += inputLengths[i] as number;
    inputOffsets[i + 1] = offset;
  }
  return {
    jobId: instances?.jobId ?? 0n,
    resourceGroupId: contexts.resourceGroupId,
    instanceBase: instances?.instanceBase ?? 0n,
    instanceOffsets: instances?.instanceOffsets ?? [],
    taskIndexes: instances?.taskIndexes ?? [],
    kinds: contexts.kinds.map((kind) =>
      kinds.of(kind.package, kind.function, Math.max(MILLISECONDS_MIN, kind.hardTimeoutMs)),
    ),
    kindPositions: contexts.kindPositions,
    inputs: contexts.inputs,
    inputOffsets,
    arrivedUs,
  };
}
