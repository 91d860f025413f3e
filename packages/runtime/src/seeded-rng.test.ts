import { describe, expect, it } from 'vitest';

import { CryptoRng } from './node/crypto-rng.ts';
import type { Rng } from './rng.ts';
import { SeededRng } from './seeded-rng.ts';

const draw = (rng: Rng, count: number): number[] =>
  Array.from({ length: count }, () => rng.uint32());

describe('SeededRng', () => {
  it('draws the same numbers from the same seed, today and tomorrow', () => {
    expect(draw(new SeededRng(42), 5)).toEqual(draw(new SeededRng(42n), 5));
    expect(draw(new SeededRng(42), 4)).toMatchInlineSnapshot(`
      [
        2728850730,
        268437868,
        4002972653,
        1508436092,
      ]
    `);
    expect(draw(new SeededRng('demo'), 4)).toMatchInlineSnapshot(`
      [
        3390994554,
        2344026866,
        3330114836,
        4047984939,
      ]
    `);
  });

  it('draws unlike numbers from neighbouring seeds', () => {
    const first = Array.from({ length: 64 }, (_, seed) => new SeededRng(seed).float());
    const steps = first.slice(1).map((value, at) => Math.abs(value - (first[at] ?? 0)));

    expect(new Set(first).size).toBe(64);
    // The mean distance of two even draws is 1/3.
    expect(steps.reduce((sum, step) => sum + step) / steps.length).toBeCloseTo(1 / 3, 1);
  });

  it.each([0, -1, 2 ** 53, 2n ** 64n - 1n, 2n ** 100n, ''])('takes the seed %s', (seed) => {
    const values = draw(new SeededRng(seed), 100);

    expect(new Set(values).size).toBeGreaterThan(98);
  });
});

describe.each([
  ['SeededRng', new SeededRng(7)],
  ['CryptoRng', new CryptoRng()],
])('%s', (_, rng) => {
  it('draws whole numbers of 32 bits, each bit about half the time', () => {
    const values = draw(rng, 4_000);
    expect(values.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32)).toBe(
      true,
    );
    for (let bit = 0; bit < 32; bit++) {
      const ones = values.filter((value) => ((value >>> bit) & 1) === 1).length;
      // Seven standard deviations.
      expect(Math.abs(ones - 2_000)).toBeLessThan(222);
    }
  });

  it('draws floats evenly between 0 and 1', () => {
    const values = Array.from({ length: 4_000 }, () => rng.float());
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(values.reduce((sum, value) => sum + value) / values.length).toBeCloseTo(0.5, 1);
  });
});
