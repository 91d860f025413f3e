import type { InstanceKind } from './instance-kind.ts';

/**
 * Task instances of one job that came in one message. An instance is a lot and a position in it;
 * there is no object for each.
 */
export interface InstanceLot {
  readonly jobId: bigint;
  readonly resourceGroupId: bigint;
  /** The id of instance i is `instanceBase` plus `instanceOffsets[i]`. */
  readonly instanceBase: bigint;
  readonly instanceOffsets: readonly number[];
  readonly taskIndexes: readonly number[];
  readonly kinds: readonly InstanceKind[];
  /** For each instance the position of its kind in `kinds`. */
  readonly kindPositions: readonly number[];
  /** The inputs of all instances, one after the other. */
  readonly inputs: Uint8Array;
  /** Where each instance's inputs begin, and after the last entry where they all end. */
  readonly inputOffsets: Uint32Array;
  /** When it arrived, in monotonic time. */
  readonly arrivedUs: number;
}

/** Some instances: entry i is position `positions[i]` of `lots[i]`. */
export interface InstanceList {
  readonly lots: InstanceLot[];
  readonly positions: number[];
}

/** The kind of the instance at a position; lots are checked when they arrive. */
export function kindAt(lot: InstanceLot, position: number): InstanceKind {
  return lot.kinds[lot.kindPositions[position] as number] as InstanceKind;
}

/** The bytes of the inputs of the instance at a position. */
export function inputLengthAt(lot: InstanceLot, position: number): number {
  return (lot.inputOffsets[position + 1] as number) - (lot.inputOffsets[position] as number);
}
