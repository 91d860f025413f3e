import { expect, it } from 'vitest';
import { median, percentile, rounded } from './bench-result.ts';

it('takes the middle, by size and not by order or spelling', () => {
  expect(median([100, 9, 20])).toBe(20);
  expect(median([1, 2, 3, 4])).toBe(2.5);
  expect(median([7])).toBe(7);
});

it('takes percentiles between two values in proportion', () => {
  const values = Array.from({ length: 101 }, (_, i) => 100 - i);
  expect(percentile(values, 0.99)).toBe(99);
  expect(percentile([0, 10], 0.25)).toBe(2.5);
});

it('rounds to four digits', () => {
  expect([123_456, 1.234_56, 0].map(rounded)).toEqual([123_500, 1.235, 0]);
});
