import { InstanceKinds } from '../machine/instance-kind.ts';
import type { InstanceLot } from '../machine/instance-lot.ts';

export interface LotFixture {
  readonly jobId?: bigint;
  readonly instanceBase?: bigint;
  readonly count?: number;
  readonly packageName?: string;
  readonly functionName?: string;
  readonly hardTimeoutMs?: number;
  /** One wire frame for each instance; the empty frame by default. */
  readonly inputs?: readonly Uint8Array[];
  /** Where kinds and their measurements are kept; by default in a place of the lot's own. */
  readonly kinds?: InstanceKinds;
}

/** A lot of equal instances, with task indices and instance ids from 0 and `instanceBase` on. */
export function makeLot(fixture: LotFixture = {}): InstanceLot {
  const { packageName = 'p', functionName = 'f', hardTimeoutMs = 300_000 } = fixture;
  const { kinds = new InstanceKinds() } = fixture;
  const inputs = fixture.inputs ?? Array.from({ length: fixture.count ?? 1 }, () => EMPTY_FRAME);
  const numbers = inputs.map((_, index) => index);
  return {
    jobId: fixture.jobId ?? 1n,
    resourceGroupId: 1n,
    instanceBase: fixture.instanceBase ?? 0n,
    instanceOffsets: numbers,
    taskIndexes: numbers,
    kinds: [kinds.of(packageName, functionName, hardTimeoutMs)],
    kindPositions: inputs.map(() => 0),
    inputs: Buffer.concat(inputs),
    inputOffsets: Uint32Array.from([0, ...inputs.map(runningTotal())]),
    arrivedUs: 0,
  };
}

const EMPTY_FRAME = new Uint8Array(4);

function runningTotal(): (bytes: Uint8Array) => number {
  let total = 0;
  return (bytes) => (total += bytes.length);
}
