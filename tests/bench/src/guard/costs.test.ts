import { expect, it } from 'vitest';
import type { LoopTime } from './calibration.ts';
import {
  compareCosts,
  costOf,
  describeRises,
  formatComparison,
  isQuiet,
  stretchOf,
} from './costs.ts';

const RECORDED = {
  zero: { storage: 20 },
  layered: { storage: 40, executionManager: 20, executors: 20 },
};

const loops = (...stepsUs: number[]): LoopTime[] =>
  stepsUs.map((stepUs) => ({ stepUs, stretch: 10 * stepUs }));

it('takes the least of each, so that a disturbed repetition does not count', () => {
  const cost = costOf([
    { cpu: { storage: 4, executionManager: 3 }, loops: loops(0.1, 0.3) },
    { cpu: { storage: 9, executionManager: 2 }, loops: loops(0.4, 0.2) },
  ]);
  expect(cost).toEqual({ storage: 40, executionManager: 20 });
});

it('does not judge where a loop usually had half of a processor', () => {
  const samples = [{ cpu: {}, loops: loops(0.1, 0.2, 0.21) }];
  expect(stretchOf(samples)).toBe(2);
  expect([1, 1.5, 2].map(isQuiet)).toEqual([true, true, false]);
});

it('allows a quarter more, over all processes of a suite', () => {
  const layered = { storage: 60, executionManager: 20, executors: 20 };
  const comparisons = compareCosts({ zero: { storage: 12 }, layered }, RECORDED);
  expect(comparisons.map(({ rise }) => rise)).toEqual([-0.4, 0.25]);
  expect(describeRises(comparisons)).toBeUndefined();
});

it('says what rose, by how much, in which process, and how to see why', () => {
  const layered = { storage: 62, executionManager: 20, executors: 20 };
  const comparisons = compareCosts({ zero: { storage: 12 }, layered }, RECORDED);
  const text = describeRises(comparisons);
  expect(text).toContain(
    'layered      +27.5 %  steps a task: storage 62 (recorded 40), executionManager 20 (recorded 20)',
  );
  expect(text).toContain('npm run bench -- layered --profile FOLDER');
  expect(text).not.toContain('zero');
  expect(text).not.toContain('--cpu-prof');
});

it('profiles its own process for what runs there', () => {
  const comparisons = compareCosts({ engine: { machine: 8 } }, { engine: { machine: 4 } });
  expect(describeRises(comparisons)).toContain('node --cpu-prof tests/bench/dist/main.js engine');
});

it('refuses what it cannot compare', () => {
  expect(() => compareCosts({ trace: { storage: 1 } }, RECORDED)).toThrow(
    'nothing is recorded of trace',
  );
  const [unknown] = compareCosts({ zero: { storage: Number.NaN } }, RECORDED);
  expect(unknown?.isAllowed).toBe(false);
  expect(unknown && formatComparison({ ...unknown, recorded: {} })).toContain('(recorded never)');
});
