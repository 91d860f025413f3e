import { LIMITS } from '@spider/core';
import type { TimestampMs } from '@spider/core';
import { expect, test } from 'vitest';
import { UnaryLink } from './unary-link.ts';

test('starts of instances are remembered until they end, of so many', () => {
  const link = new UnaryLink();
  for (let instance = 1; instance <= LIMITS.slotsPerExecutionManager + 1; instance++) {
    link.issued(instance, (instance * 10) as TimestampMs);
  }
  expect(link.takeIssued(1)).toBeUndefined();
  expect(link.takeIssued(2)).toBe(20);
  expect(link.takeIssued(2)).toBeUndefined();
  expect(link.takeIssued(LIMITS.slotsPerExecutionManager + 1)).toBe(10_250);
});
