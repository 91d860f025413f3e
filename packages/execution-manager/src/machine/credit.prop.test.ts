import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Demand, leastGrant, tasksAhead, tasksWanted } from './credit.ts';

const demand: fc.Arbitrary<Demand> = fc.record({
  slots: fc.integer({ min: 0, max: 1_024 }),
  taskLengthUs: fc.option(fc.integer({ min: 1, max: 10_000_000 }), { nil: undefined }),
  pipeWorkUs: fc.integer({ min: 500, max: 8_000 }),
  roundTripUs: fc.integer({ min: 0, max: 20_000 }),
});

test('there is work for every slot, and a bound to what is asked for', () => {
  fc.assert(
    fc.property(demand, (given) => {
      const wanted = tasksWanted(given);
      expect(wanted).toBeGreaterThanOrEqual(given.slots);
      expect(wanted).toBeLessThanOrEqual(4_096);
      expect(tasksAhead(given)).toBeLessThanOrEqual(given.slots * 256);
    }),
  );
});

test('tasks of which every slot has but one are asked for one at a time', () => {
  fc.assert(
    fc.property(demand, fc.integer({ min: 600_000, max: 10_000_000 }), (given, taskLengthUs) => {
      expect(leastGrant({ ...given, taskLengthUs })).toBe(1);
    }),
  );
});

test('long tasks are not fetched ahead for a few slots', () => {
  const long = { slots: 2, taskLengthUs: 1_000_000, pipeWorkUs: 1_000, roundTripUs: 2_000 };
  expect(tasksWanted(long)).toBe(2);
  // With very many slots one of them is free all the time.
  expect(tasksWanted({ ...long, slots: 1_000 })).toBe(1_002);
});

test('short tasks bridge the round trip', () => {
  const short = { slots: 2, taskLengthUs: 10, pipeWorkUs: 1_000, roundTripUs: 1_000 };
  expect(tasksAhead(short)).toBe(200);
  expect(tasksWanted(short)).toBe(400);
});

test('what would be asked for again and again is asked for in larger parts', () => {
  const short = { slots: 2, taskLengthUs: 10, pipeWorkUs: 1_000, roundTripUs: 1_000 };
  expect(leastGrant(short)).toBe(100);
  expect(leastGrant({ ...short, taskLengthUs: undefined })).toBe(1);
});
