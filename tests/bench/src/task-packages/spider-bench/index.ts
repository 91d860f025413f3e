import { definePackage, defineTask, float64, list, string } from '@spider/tdl';

/** Tells when it ran, in milliseconds of the machine's monotonic clock; its input is what it waited for. */
export const tick = defineTask({
  name: 'clock::tick',
  inputs: [float64],
  outputs: [float64],
  run: () => Number(process.hrtime.bigint()) / 1e6,
});

/** Gives back what it gets. */
export const echo = defineTask({
  name: 'strings::echo',
  inputs: [list(string)],
  outputs: [list(string)],
  run: (_context, strings) => strings,
});

export default definePackage({ name: 'spider-bench', version: '0.1.0', tasks: [tick, echo] });
