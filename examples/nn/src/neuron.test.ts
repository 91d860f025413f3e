import { tuple } from '@spider/tdl';
import { runTask } from '@spider/tdl/testing';
import { expect, it } from 'vitest';
import { denseIdentity, denseRelu, denseSigmoid, NEURON_INPUTS } from './index.ts';

const BIAS = 0.5;
/** The sum of all weights: a hundredth for each odd place, less a hundredth for each even one. */
const ALL_WEIGHTS = 0.13;

const all = (value: number) => tuple(NEURON_INPUTS, () => value);
/** Inputs that bring a neuron's sum to `sum`. */
const toSum = (sum: number) => all((sum - BIAS) / ALL_WEIGHTS);

it('a neuron without a signal gives its bias', async () => {
  expect(await runTask(denseIdentity, ...all(0))).toBe(BIAS);
});

it('a neuron adds its inputs by their weights', async () => {
  expect(await runTask(denseIdentity, ...all(1))).toBeCloseTo(BIAS + ALL_WEIGHTS, 12);
  const first = tuple(NEURON_INPUTS, (place) => (place === 0 ? 2 : 0));
  expect(await runTask(denseIdentity, ...first)).toBeCloseTo(BIAS + 0.02, 12);
});

it.each([-3, 0.25, 3])('the identity gives the sum %d as it is', async (sum) => {
  expect(await runTask(denseIdentity, ...toSum(sum))).toBeCloseTo(sum, 12);
});

it.each([
  [-3, 0],
  [0.25, 0.25],
  [3, 3],
])('the rectifier makes the sum %d %d', async (sum, output) => {
  expect(await runTask(denseRelu, ...toSum(sum))).toBeCloseTo(output, 12);
});

it.each([
  [-3, 0.0474258731775668],
  [0, 0.5],
  [3, 0.9525741268224334],
])('the sigmoid makes the sum %d %d', async (sum, output) => {
  expect(await runTask(denseSigmoid, ...toSum(sum))).toBeCloseTo(output, 12);
});
