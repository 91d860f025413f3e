import { definePackage, defineTask, float64 } from '@spider/tdl';

export const add = defineTask({
  name: 'math::add',
  inputs: [float64, float64],
  outputs: [float64],
  run: (_context, a, b) => a + b,
});

export const squareRoot = defineTask({
  name: 'math::square_root',
  inputs: [float64],
  outputs: [float64],
  run: (_context, x) => Math.sqrt(x),
});

export default definePackage({ name: 'hello', version: '0.1.0', tasks: [add, squareRoot] });
