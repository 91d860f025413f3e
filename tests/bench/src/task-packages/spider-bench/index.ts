import { setTimeout } from 'node:timers/promises';
import { definePackage, defineTask, float64, list, string } from '@spider/tdl';

/** Tells when it ran, in milliseconds of the machine's monotonic clock; its input is what it waited for. */
export const tick = defineTask({
  name: 'clock::tick',
  inputs: [float64],
  outputs: [float64],
  run: () => Number(process.hrtime.bigint()) / 1e6,
});

/** Tells when it began, as `tick` does, and then takes as many milliseconds as it is told to. */
export const nap = defineTask({
  name: 'clock::nap',
  inputs: [float64],
  outputs: [float64],
  run: async (_context, durationMs) => {
    const beganMs = Number(process.hrtime.bigint()) / 1e6;
    await setTimeout(durationMs);
    return beganMs;
  },
});

/** Gives back what it gets. */
export const echo = defineTask({
  name: 'strings::echo',
  inputs: [list(string)],
  outputs: [list(string)],
  run: (_context, strings) => strings,
});

export default definePackage({ name: 'spider-bench', version: '0.1.0', tasks: [tick, nap, echo] });
