import { definePackage, defineTask, float64, repeat } from '@spider/tdl';

/** Results are taken modulo this, so that they stay exact however deep a graph is. */
export const MODULUS = 1_000_003;

/** The numbers of inputs that the suites' graphs ask for. */
const INPUTS: readonly number[] = [1, 3, 25, 10_000];

/** The tasks of the closed-form graphs: 1 more than the sum of the inputs. */
const tasks = INPUTS.map((count) =>
  defineTask({
    name: `floats::take_${count}_give_1`,
    inputs: repeat(float64, count),
    outputs: [float64],
    run: (_context, ...inputs) => {
      let sum = 1;
      for (const input of inputs) sum += input;
      return sum % MODULUS;
    },
  }),
);

export default definePackage({ name: 'testing', version: '0.1.0', tasks });
