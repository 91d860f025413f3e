import { ManualClock } from '@spider/runtime/testing';
import { beforeEach, expect, test } from 'vitest';
import { Heartbeat } from './heartbeat.ts';

let clock: ManualClock;
let beats: number;
let heartbeat: Heartbeat;
let isAnswered: boolean;
let hasNews: boolean;
let silences: number[];
beforeEach(() => {
  clock = new ManualClock();
  beats = 0;
  isAnswered = true;
  hasNews = false;
  silences = [];
  heartbeat = new Heartbeat({
    clock,
    beat: () => {
      beats += 1;
      hasNews = false;
      heartbeat.sent();
      if (isAnswered) heartbeat.heard();
    },
    hasNews: () => hasNews,
    silenceMs: 3_000,
    onSilence: () => silences.push(clock.now()),
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

test('is quiet as long as something else is sent and heard', () => {
  heartbeat.start(1_000);
  for (let i = 0; i < 20; i += 1) {
    clock.advance(400);
    heartbeat.sent();
    heartbeat.heard();
  }
  expect(beats).toBe(0);
  clock.advance(750);
  expect(beats).toBe(1);
});

test('says news within an interval, whatever else is sent', () => {
  heartbeat.start(1_000);
  const send = (): void => {
    clock.advance(100);
    heartbeat.sent();
    heartbeat.heard();
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

test('asks a peer of which nothing is heard, however much is sent, and then gives it up', () => {
  isAnswered = false;
  heartbeat.start(10_000);
  const startMs = clock.now();
  for (let ms = 0; ms < 2_999; ms += 1) {
    clock.advance(1);
    heartbeat.sent();
  }
  expect(beats).toBe(2);
  expect(silences).toEqual([]);
  clock.advance(1);
  expect(silences).toEqual([startMs + 3_000]);
  expect(clock.pendingTimers).toBe(0);
});

test('a peer that answers late is heard all the same', () => {
  isAnswered = false;
  heartbeat.start(10_000);
  for (let i = 0; i < 10; i += 1) {
    clock.advance(2_999);
    heartbeat.heard();
  }
  expect(silences).toEqual([]);
});
