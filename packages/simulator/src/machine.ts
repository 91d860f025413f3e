import type { Labels } from '@spider/core';

import type { Draw } from './draw.ts';

/** What an execution manager says of the machine that it runs on. */
export interface Machine {
  readonly labels: Labels;
  /** The only resource groups that it serves; none for all. */
  readonly groups: readonly number[];
}

/** The first serves everybody, so that every job can run somewhere. */
export function drawMachines(
  draw: Draw,
  count: number,
  groups: number,
  areAlike: boolean,
): readonly Machine[] {
  return Array.from({ length: count }, (_, number) => ({
    labels: areAlike ? {} : { zone: draw.pick(['north', 'south']) },
    groups: !areAlike && number > 0 && draw.chance(0.3) ? [draw.int(1, groups)] : [],
  }));
}
