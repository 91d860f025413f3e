import type { Blow, BlowName } from './blow.ts';
import { killBlows } from './kills.ts';
import { machineBlows } from './machine.ts';
import { networkBlows } from './network.ts';
import { stopBlows } from './stops.ts';

/** All that can be done to a cluster. */
export const BLOW_BY_NAME: Readonly<Record<BlowName, Blow>> = {
  ...killBlows,
  ...stopBlows,
  ...networkBlows,
  ...machineBlows,
};
