import { ManualClock } from '@spider/runtime/testing';
import { beforeEach, expect, test } from 'vitest';
import { Heartbeat } from './heartbeat.ts';

let clock: ManualClock;
let beats: number;
let heartbeat: Heartbeat;
beforeEach(() => {
  clock = new ManualClock();
  beats = 0;
  heartbeat = new Heartbeat(clock, () => {
    beats += 1;
    heartbeat.sent();
  });
});

test('beats in good time when nothing is sent', () => {
  heartbeat.start(1_000);
  clock.advance(749);
  expect(beats).toBe(0);
  clock.advance(1);
  expect(beats).toBe(1);
  clock.advance(1_500);
  expect(beats).toBe(3);
});

test('is quiet as long as something else is sent', () => {
  heartbeat.start(1_000);
  for (let i = 0; i < 20; i += 1) {
    clock.advance(400);
    heartbeat.sent();
  }
  expect(beats).toBe(0);
  clock.advance(750);
  expect(beats).toBe(1);
});

test('says news within an interval, whatever else is sent', () => {
  let hasNews = false;
  const telling = new Heartbeat(
    clock,
    () => {
      beats += 1;
      hasNews = false;
      telling.sent();
    },
    () => hasNews,
  );
  telling.start(1_000);
  const send = (): void => {
    clock.advance(100);
    telling.sent();
  };
  for (let i = 0; i < 10; i += 1) send();
  expect(beats).toBe(0);
  hasNews = true;
  for (let i = 0; i < 8; i += 1) send();
  expect(beats).toBe(1);
  for (let i = 0; i < 10; i += 1) send();
  expect(beats).toBe(1);
});

test('has one timer, and none when it is stopped', () => {
  heartbeat.start(1_000);
  heartbeat.start(2_000);
  clock.advance(5_000);
  expect(clock.pendingTimers).toBe(1);
  heartbeat.stop();
  expect(clock.pendingTimers).toBe(0);
});

test('of no interval at all is still no busy loop', () => {
  heartbeat.start(0);
  clock.advance(100);
  expect(beats).toBe(10);
});
