import { expect, it } from 'vitest';
import { formatHistogram, histogram } from './histogram.ts';

it('counts values by bin, each from the bound before it to below its own', () => {
  expect(histogram('waits, ms', [0.1, 1, 1.9, 2, 7, 300], [1, 2, 5])).toEqual({
    of: 'waits, ms',
    bins: [{ below: 1, count: 1 }, { below: 2, count: 2 }, { below: 5, count: 1 }, { count: 2 }],
  });
});

it('shows a bar for each bin, the shortest for one value among many', () => {
  const values = [...Array.from({ length: 1_000 }, () => 1.5), 9];
  expect(formatHistogram(histogram('waits, ms', values, [1, 2, 5])).split('\n')).toEqual([
    '  waits, ms',
    '  0 to 1               0',
    `  1 to 2            1000 ${'█'.repeat(40)}`,
    '  2 to 5               0',
    '  5 and more           1 █',
  ]);
});
