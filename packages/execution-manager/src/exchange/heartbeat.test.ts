import { ManualClock } from '@spider/runtime/testing';
import { beforeEach, expect, test } from 'vitest';
import { Heartbeat } from './heartbeat.ts';

let clock: ManualClock;
let beats: number;
let pings: number;
let heartbeat: Heartbeat;
let isAnswered: boolean;
let hasNews: boolean;
let silences: number[];
beforeEach(() => {
  clock = new ManualClock();
  beats = 0;
  pings = 0;
  isAnswered = true;
  hasNews = false;
  silences = [];
  heartbeat = new Heartbeat({
    clock,
    beat: () => {
      beats += 1;
      hasNews = false;
      heartbeat.sent();
    },
    hasNews: () => hasNews,
    ping: () => {
      pings += 1;
      if (isAnswered) heartbeat.heard();
    },
    silenceMs: 3_000,
    onSilence: () => silences.push(clock.now()),
  });
});

/** Sends and hears something, which is neither a beat nor an answer. */
function talk(afterMs: number): void {
  clock.advance(afterMs);
  heartbeat.sent();
  heartbeat.heard();
}

test('a peer that hears pings hears one twice in the time that it may hear nothing, and no beat', () => {
  heartbeat.start({ intervalMs: 1_000, silenceMs: 2_000 });
  clock.advance(999);
  expect(pings).toBe(0);
  clock.advance(1);
  expect(pings).toBe(1);
  clock.advance(9_000);
  expect(pings).toBe(10);
  expect(beats).toBe(0);
});

test('such a peer hears them also while it talks, and not while it is told something', () => {
  heartbeat.start({ intervalMs: 1_000, silenceMs: 2_000 });
  for (let i = 0; i < 20; i += 1) {
    clock.advance(500);
    heartbeat.heard();
  }
  expect(pings).toBe(10);
  for (let i = 0; i < 20; i += 1) talk(500);
  expect(pings).toBe(10);
});

test('any other peer hears a beat in each interval', () => {
  heartbeat.start({ intervalMs: 1_000, silenceMs: 0 });
  clock.advance(749);
  expect(beats).toBe(0);
  clock.advance(1);
  expect(beats).toBe(1);
  clock.advance(1_500);
  expect(beats).toBe(3);
});

test('it is quiet as long as something else is sent and heard', () => {
  heartbeat.start({ intervalMs: 1_000, silenceMs: 0 });
  for (let i = 0; i < 20; i += 1) talk(400);
  expect(beats).toBe(0);
  expect(pings).toBe(0);
  clock.advance(1_000);
  expect(beats).toBe(1);
  expect(pings).toBe(0);
  clock.advance(500);
  expect(pings).toBe(1);
});

test('news is told within an interval, whatever else is sent', () => {
  heartbeat.start({ intervalMs: 1_000, silenceMs: 9_000 });
  for (let i = 0; i < 10; i += 1) talk(100);
  expect(beats).toBe(0);
  hasNews = true;
  for (let i = 0; i < 8; i += 1) talk(100);
  expect(beats).toBe(1);
  for (let i = 0; i < 10; i += 1) talk(100);
  expect(beats).toBe(1);
});

test('it has one timer, and none when it is stopped', () => {
  heartbeat.start({ intervalMs: 1_000, silenceMs: 0 });
  heartbeat.start({ intervalMs: 2_000, silenceMs: 9_000 });
  clock.advance(5_000);
  expect(clock.pendingTimers).toBe(1);
  heartbeat.stop();
  expect(clock.pendingTimers).toBe(0);
});

test('of no interval at all it is still no busy loop', () => {
  heartbeat.start({ intervalMs: 0, silenceMs: 0 });
  clock.advance(100);
  expect(beats).toBe(10);
});

test('a peer of which nothing is heard is asked, however much is sent, and then given up', () => {
  isAnswered = false;
  heartbeat.start({ intervalMs: 10_000, silenceMs: 0 });
  const startMs = clock.now();
  for (let ms = 0; ms < 2_999; ms += 1) {
    clock.advance(1);
    heartbeat.sent();
  }
  expect(pings).toBe(1);
  expect(silences).toEqual([]);
  clock.advance(1);
  expect(silences).toEqual([startMs + 3_000]);
  expect(clock.pendingTimers).toBe(0);
});

test('a peer that answers is kept, though it says nothing by itself', () => {
  heartbeat.start({ intervalMs: 1_000, silenceMs: 60_000 });
  clock.advance(30_000);
  expect(pings).toBe(20);
  expect(beats).toBe(0);
  expect(silences).toEqual([]);
});

test('a peer that answers late is heard all the same', () => {
  isAnswered = false;
  heartbeat.start({ intervalMs: 10_000, silenceMs: 0 });
  for (let i = 0; i < 10; i += 1) {
    clock.advance(2_999);
    heartbeat.heard();
  }
  expect(silences).toEqual([]);
});
