import { expect, test } from 'vitest';
import { DEFAULT_EXECUTION_POLICY, type ExecutionPolicy } from './task-graph.ts';
import { retryDelayMs } from './execution-policy.ts';
import { applyPolicyOptions } from './task-policy-options.ts';

const base: ExecutionPolicy = {
  maxRetries: 2,
  maxInstances: 3,
  softTimeoutMs: 10_000,
  hardTimeoutMs: 60_000,
};

test('what is left out stays as it is', () => {
  expect(applyPolicyOptions({})).toEqual(DEFAULT_EXECUTION_POLICY);
  expect(applyPolicyOptions({}, base)).toEqual(base);
  expect(applyPolicyOptions({ retries: 0, instances: 1 }, base)).toEqual({
    ...base,
    maxRetries: 0,
    maxInstances: 1,
  });
});

test.each([
  // hard timeout, soft timeout
  [90_000, 10_000],
  [12_000, 6_000],
  [150, 100],
])('a hard timeout of %d ms goes with a soft one of %d ms', (hardTimeoutMs, softTimeoutMs) => {
  expect(applyPolicyOptions({ hardTimeoutMs }, base)).toEqual({
    ...base,
    softTimeoutMs,
    hardTimeoutMs,
  });
});

test.each([
  // soft timeout, hard timeout
  [20_000, 60_000],
  [40_000, 80_000],
  [86_000_000, 86_400_000],
])('a soft timeout of %d ms goes with a hard one of %d ms', (softTimeoutMs, hardTimeoutMs) => {
  expect(applyPolicyOptions({ softTimeoutMs }, base)).toEqual({
    ...base,
    softTimeoutMs,
    hardTimeoutMs,
  });
});

test('a policy that cannot be is refused', () => {
  expect(() => applyPolicyOptions({ retries: -1 })).toThrow('maxRetries is -1');
  expect(() => applyPolicyOptions({ retryDelayMs: 86_400_001 })).toThrow(
    'retryDelayMs is 86400001',
  );
  expect(() => applyPolicyOptions({ instances: 0 })).toThrow('maxInstances is 0');
  expect(() => applyPolicyOptions({ softTimeoutMs: 500, hardTimeoutMs: 500 })).toThrow(
    'hardTimeoutMs is 500, but must be greater than softTimeoutMs',
  );
});

test('a task waits twice as long after each failure, up to five minutes or what it begins with', () => {
  const policy = applyPolicyOptions({ retries: 9, retryDelayMs: 100 });
  expect(policy).toMatchObject({ maxRetries: 9, retryDelayMs: 100 });
  expect([1, 2, 3, 12, 13, 4_000].map((failures) => retryDelayMs(policy, failures))).toEqual([
    100, 200, 400, 204_800, 300_000, 300_000,
  ]);
  const patient = applyPolicyOptions({ retryDelayMs: 3_600_000 }, policy);
  expect(retryDelayMs(patient, 5)).toBe(3_600_000);
  expect(applyPolicyOptions({ retryDelayMs: 0 }, policy)).not.toHaveProperty('retryDelayMs');
  expect(retryDelayMs(base, 1)).toBe(0);
});
