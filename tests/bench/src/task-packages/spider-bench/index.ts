import { setTimeout } from 'node:timers/promises';
import { definePackage, defineTask, float64, list, repeat, string } from '@spider/tdl';

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

/** Results are taken modulo this, so that they stay exact however deep a graph is. */
const MODULUS = 1_000_003;
/** The most parents that a task of the patterns has. */
const PARENTS = 3;

/** By number of parents: keep a processor busy for some milliseconds, and give 1 more than the sum of the rest. */
export const spins = Array.from({ length: PARENTS + 1 }, (_, parents) =>
  defineTask({
    name: `clock::spin_${parents}`,
    inputs: repeat(float64, 1 + parents),
    outputs: [float64],
    run: (_context, durationMs = 0, ...inputs) => {
      const endMs = performance.now() + durationMs;
      let sum = 1;
      for (const input of inputs) sum += input;
      while (performance.now() < endMs);
      return sum % MODULUS;
    },
  }),
);

export default definePackage({
  name: 'spider-bench',
  version: '0.1.0',
  tasks: [tick, nap, echo, ...spins],
});
