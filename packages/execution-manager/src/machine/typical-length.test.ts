import { expect, test } from 'vitest';
import { InstanceKinds } from './instance-kind.ts';
import { TypicalLength } from './typical-length.ts';

function lengthOf(...measured: readonly number[]): TypicalLength {
  const length = new TypicalLength();
  for (const us of measured) length.observe(us, false);
  return length;
}

const repeat = (us: number, count: number): number[] => Array.from({ length: count }, () => us);

test('nothing is known before something was measured, unless it was given', () => {
  expect(new TypicalLength().valueUs).toBeUndefined();
  expect(new TypicalLength(100).valueUs).toBe(100);
});

test('is what was measured', () => {
  expect(lengthOf(40).valueUs).toBe(40);
  expect(lengthOf(...repeat(40, 100)).valueUs).toBe(40);
  expect(lengthOf(0, 0).valueUs).toBe(1);
});

test('one in a hundred that is a thousand times as long hardly moves it', () => {
  const measured = Array.from({ length: 1_000 }, (_, i) => (i % 100 === 50 ? 10_000 : 10));
  expect(lengthOf(...measured).valueUs).toBeLessThan(15);
});

test('follows a change within some dozens of tasks', () => {
  const value = lengthOf(...repeat(10, 1_000), ...repeat(100_000, 60)).valueUs ?? 0;
  expect(value).toBeGreaterThan(50_000);
});

test('a doubtful first measurement stands until there is a better one', () => {
  const length = new TypicalLength();
  length.observe(70_000, true);
  expect(length.valueUs).toBe(70_000);
  length.observe(10, false);
  expect(length.valueUs).toBe(10);
  length.observe(70_000, true);
  expect(length.valueUs).toBe(10);
});

test('kinds are told apart by function and limit, and remembered', () => {
  const kinds = new InstanceKinds();
  const kind = kinds.of('p', 'f', 100);
  expect(kinds.of('p', 'f', 100)).toBe(kind);
  expect(kinds.of('p', 'f', 200)).not.toBe(kind);
  expect(kinds.of('q', 'f', 100)).not.toBe(kind);
});

test('kinds without end do not take memory without end', () => {
  const kinds = new InstanceKinds();
  const first = kinds.of('p', 'f', 1);
  for (let i = 2; i < 10_000; i += 1) kinds.of('p', 'f', i);
  expect(kinds.of('p', 'f', 1)).not.toBe(first);
  expect(kinds.of('p', 'f', 9_999)).toBe(kinds.of('p', 'f', 9_999));
});
