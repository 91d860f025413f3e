import { expect, test } from 'vitest';
import { labelsMeet, requirementKey } from './labels.ts';

test('labels meet a requirement if all of it is among them, with the same values', () => {
  const labels = { gpu: 'true', zone: 'eu' };
  expect(labelsMeet(labels, {})).toBe(true);
  expect(labelsMeet(labels, { gpu: 'true' })).toBe(true);
  expect(labelsMeet(labels, { gpu: 'true', zone: 'us' })).toBe(false);
  expect(labelsMeet({}, { gpu: 'true' })).toBe(false);
  expect(labelsMeet({}, { toString: 'true' })).toBe(false);
});

test('equal requirements have the same key, others do not', () => {
  expect(requirementKey({})).toBe('');
  expect(requirementKey({ a: '1', b: '2' })).toBe(requirementKey({ b: '2', a: '1' }));
  expect(requirementKey({ a: '1,b:2' })).not.toBe(requirementKey({ a: '1', b: '2' }));
});
