import { LIMITS } from '@spider/core';
import { ManualClock } from '@spider/runtime/testing';
import { describe, expect, test } from 'vitest';
import { FailedLogins } from './failed-logins.ts';

function start(limits: { perMinute?: number; totalPerMinute?: number } = {}) {
  const clock = new ManualClock();
  const failed = new FailedLogins({ clock, perMinute: 3, totalPerMinute: 1000, ...limits });
  /** A login with a wrong password. */
  const fail = (group: string): void => {
    failed.check(group);
    failed.add(group);
  };
  return { clock, failed, fail };
}

const OF_GROUP = {
  code: 'resource-exhausted',
  message: 'too many logins of this resource group have failed: try again in 20 s',
};

describe('failed logins', () => {
  test('of a group are allowed so many at once, and so many a minute from then on', () => {
    const { clock, fail } = start();
    for (let login = 0; login < 3; login++) fail('a');
    expect(() => fail('a')).toThrow(expect.objectContaining(OF_GROUP));
    clock.advance(19_999);
    expect(() => fail('a')).toThrow('try again in 1 s');
    clock.advance(1);
    fail('a');
    expect(() => fail('a')).toThrow(expect.objectContaining(OF_GROUP));
    clock.advance(3_600_000);
    for (let login = 0; login < 3; login++) fail('a');
    expect(() => fail('a')).toThrow(expect.objectContaining(OF_GROUP));
  });

  test('of a group are no matter of another one', () => {
    const { failed, fail } = start();
    for (let login = 0; login < 3; login++) fail('a');
    for (let login = 0; login < 3; login++) fail('b');
    expect(failed.size).toBe(2);
  });

  test('of all groups together are limited as well', () => {
    const { clock, fail } = start({ totalPerMinute: 5 });
    for (let login = 0; login < 5; login++) fail(`group ${login}`);
    expect(() => fail('another')).toThrow('too many logins have failed: try again in 12 s');
    clock.advance(12_000);
    fail('another');
  });

  test('are forgotten of groups that were tried longest ago, when there are too many', () => {
    const { failed, fail } = start({ totalPerMinute: 1_000_000 });
    for (let login = 0; login < 3; login++) fail('first');
    for (let group = 1; group < LIMITS.failedLoginGroups; group++) fail(`group ${group}`);
    expect(() => fail('first')).toThrow('try again');
    fail('one more');
    expect(failed.size).toBe(LIMITS.failedLoginGroups);
    fail('first');
  });
});
