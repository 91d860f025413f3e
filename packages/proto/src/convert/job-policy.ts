import type { Durability, FailurePolicy } from '@spider/core';

import type {
  Durability as WireDurability,
  FailurePolicy as WireFailurePolicy,
} from '../gen/spider/v1/job_pb.ts';

const DURABILITIES: readonly Durability[] = ['job', 'task', 'sync'];
const FAILURE_POLICIES: readonly FailurePolicy[] = ['fail-fast', 'continue'];

/** On the wire 0 stands for what storage does by default. */
export function toWireDurability(durability: Durability | undefined): WireDurability {
  const number: number = durability === undefined ? 0 : DURABILITIES.indexOf(durability) + 1;
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- this is the place for it
  return number;
}

/** The durability of a number on the wire; undefined if it names none. */
export const fromWireDurability = (number: number): Durability | undefined =>
  DURABILITIES[number - 1];

export function toWireFailurePolicy(policy: FailurePolicy): WireFailurePolicy {
  const number: number = FAILURE_POLICIES.indexOf(policy) + 1;
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- this is the place for it
  return number;
}

/** The policy of a number on the wire; undefined if it names none. */
export const fromWireFailurePolicy = (number: number): FailurePolicy | undefined =>
  FAILURE_POLICIES[number - 1];
