import { expect, it } from 'vitest';
import { findGrain } from './find-grain.ts';

/** Each task costs so much more than its length. */
const withOverhead =
  (overheadMs: number) =>
  (lengthMs: number): Promise<number> =>
    Promise.resolve(lengthMs / (lengthMs + overheadMs));

it.each([0.05, 0.3, 2.1, 40])('finds the length that equals an overhead of %d ms', async (ms) => {
  const grain = await findGrain(withOverhead(ms), 0.5);
  expect(grain).toBeGreaterThanOrEqual(ms);
  expect(grain).toBeLessThan(ms * 1.1);
});

it('stops at lengths that no task has', async () => {
  expect(await findGrain(withOverhead(0), 0.5)).toBeLessThan(0.02);
  await expect(findGrain(withOverhead(1_000), 0.5)).rejects.toThrow('no efficiency of 0.5');
});
