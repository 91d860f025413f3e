import type { Durability } from '@spider/core';

import type { Durability as WireDurability } from '../gen/spider/v1/job_pb.ts';

const DURABILITIES: readonly Durability[] = ['job', 'task', 'sync'];

/** On the wire 0 stands for what storage does by default. */
export function toWireDurability(durability: Durability | undefined): WireDurability {
  const number: number = durability === undefined ? 0 : DURABILITIES.indexOf(durability) + 1;
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- this is the place for it
  return number;
}

/** The durability of a number on the wire; undefined if it names none. */
export const fromWireDurability = (number: number): Durability | undefined =>
  DURABILITIES[number - 1];
