import { ManualClock } from '@spider/runtime/testing';
import { beforeEach, expect, test } from 'vitest';
import { OwedReports } from './owed-reports.ts';

let clock: ManualClock;
let owed: OwedReports;
let isIn: boolean;
beforeEach(() => {
  clock = new ManualClock();
  owed = new OwedReports(clock);
  isIn = false;
});

function ask(): void {
  void owed.whenIn(5_000).then(() => (isIn = true));
}

test('nothing is waited for when nothing is owed', async () => {
  ask();
  await clock.settle();
  expect(isIn).toBe(true);
  expect(clock.pendingTimers).toBe(0);
});

test('reports are in when all that owed some have sent them, or never will', async () => {
  owed.owes(1);
  owed.owes(2);
  ask();
  owed.settled(1);
  await clock.settle();
  expect(isIn).toBe(false);
  owed.settled(2);
  await clock.settle();
  expect(isIn).toBe(true);
});

test('those that wait for others are not waited for once there are no others', async () => {
  owed.owes(1);
  owed.owes(2);
  ask();
  owed.waits(1, true);
  await clock.settle();
  expect(isIn).toBe(false);
  // What the last one sends lets the first one go on, in the same turn.
  owed.settled(2);
  owed.waits(1, false);
  await clock.settle();
  expect(isIn).toBe(false);
  owed.waits(1, true);
  await clock.settle();
  expect(isIn).toBe(true);
});

test('no execution manager can have all wait longer than the timeout', async () => {
  owed.owes(1);
  ask();
  clock.advance(4_999);
  await clock.settle();
  expect(isIn).toBe(false);
  clock.advance(1);
  await clock.settle();
  expect(isIn).toBe(true);
  owed.owes(2);
  expect(clock.pendingTimers).toBe(0);
});
